// The choice of the instruction set at run time.
#include <ATen/Version.h>
#include <masked_rnn/csrc/kernels/levels.h>

namespace masked_rnn {

Level cpu_level() {
  static const Level level = [] {
#ifdef MASKED_RNN_X86
    const auto capability = at::get_cpu_capability();
    if (capability == "AVX512") {
      return Level::kAvx512;
    }
    if (capability == "AVX2") {
      return Level::kAvx2;
    }
#endif
    return Level::kDefault;
  }();
  return level;
}

#ifdef MASKED_RNN_X86
#define MASKED_RNN_CHOOSE(type)             \
  level == Level::kAvx512 ? k##type##Avx512 \
  : level == Level::kAvx2 ? k##type##Avx2   \
                          : k##type##Default
#else
#define MASKED_RNN_CHOOSE(type) (static_cast<void>(level), k##type##Default)
#endif

template <>
const Kernels<float>& kernels<float>(Level level) {
  return MASKED_RNN_CHOOSE(Float);
}

const Kernels<float>& bfloat16_kernels() {
#ifdef MASKED_RNN_X86
  static const bool multiplies =
      cpu_level() == Level::kAvx512 && __builtin_cpu_supports("avx512bf16") != 0;
  if (multiplies) {
    return kBfloat16Avx512;
  }
#endif
  return kernels<float>();
}

template <>
const Kernels<double>& kernels<double>(Level level) {
  return MASKED_RNN_CHOOSE(Double);
}

}  // namespace masked_rnn

// The choice of the instruction set at run time.
#include <ATen/Version.h>
#include <ATen/cpu/Utils.h>
#include <masked_rnn/csrc/kernels/levels.h>

#include <cstdlib>
#include <string_view>

namespace masked_rnn {
#ifdef MASKED_RNN_X86
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Whether this process may use AMX: the system gives leave once it is asked.
bool may_use_amx() {
  const auto isa = environment("ONEDNN_MAX_CPU_ISA");
  const bool lowered = environment("ATEN_CPU_CAPABILITY") == "avx512" ||
                       (!isa.empty() && isa != "DEFAULT" && isa != "ALL" &&
                        isa.find("AMX") == std::string_view::npos);
  return !lowered && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         __builtin_cpu_supports("avx512bf16") && at::cpu::init_amx();
}

}  // namespace
#endif

Level cpu_level() {
  static const Level level = [] {
#ifdef MASKED_RNN_X86
    const auto capability = at::get_cpu_capability();
    if (capability == "AVX512") {
      return may_use_amx() ? Level::kAmx : Level::kAvx512;
    }
    if (capability == "AVX2") {
      return Level::kAvx2;
    }
#endif
    return Level::kDefault;
  }();
  return level;
}

template <>
const Kernels<float>& kernels<float>(Level level) {
  switch (level) {
#ifdef MASKED_RNN_X86
    case Level::kAmx:
      return kFloatAmx;
    case Level::kAvx512:
      return kFloatAvx512;
    case Level::kAvx2:
      return kFloatAvx2;
#endif
    default:
      return kFloatDefault;
  }
}

template <>
const Kernels<double>& kernels<double>(Level level) {
  switch (level) {
#ifdef MASKED_RNN_X86
    case Level::kAmx:
    case Level::kAvx512:
      return kDoubleAvx512;
    case Level::kAvx2:
      return kDoubleAvx2;
#endif
    default:
      return kDoubleDefault;
  }
}

const Kernels<float>& bfloat16_kernels(Level level) {
#ifdef MASKED_RNN_X86
  static const bool multiplies = __builtin_cpu_supports("avx512bf16") != 0;
  if (level == Level::kAmx) {
    return kBfloat16Amx;
  }
  if (level == Level::kAvx512 && multiplies) {
    return kBfloat16Avx512;
  }
#endif
  return kernels<float>(level);
}

}  // namespace masked_rnn

// See packed_weight.h.
#include <masked_rnn/csrc/recurrence/packed_weight.h>
#include <masked_rnn/csrc/scratch.h>

#include <array>
#include <cstring>
#include <list>
#include <mutex>

namespace masked_rnn {
namespace {

// Packed weights that are kept hold at most so many bytes in all.
constexpr size_t kKeptBytes = size_t{1} << 27;

template <class T>
at::Tensor pack(const Kernels<T>& k, const at::Tensor& weight, int64_t gates) {
  const int64_t columns = weight.size(0) / gates, depth = weight.size(1);
  auto packed = scratch({k.packed_size(depth, columns, gates)}, c10::CppTypeToScalarType<T>::value);
  k.pack({weight.const_data_ptr<T>(),
          weight.stride(1),
          weight.stride(0),
          depth,
          columns,
          gates,
          packed.template mutable_data_ptr<T>()});
  return packed;
}

struct Key {
  const void* data;
  int64_t rows, columns, row_stride, column_stride, gates;
  const void* kernels;
  bool operator==(const Key&) const = default;
};

using Fingerprint = std::array<uint32_t, kFingerprintWords>;

struct Kept {
  Key key;
  Fingerprint values;
  at::Tensor packed;
};

// The last used ones first. What a weight was is told by its values alone: a version counter does not
// see everything that writes to a tensor (Tensor.data, say), and memory may come to hold another one.
class KeptWeights {
 public:
  // Undefined if it is not there.
  at::Tensor find(const Key& key, const Fingerprint& values) {
    const std::lock_guard lock(mutex_);
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      if (kept->key == key && kept->values == values) {
        kept_.splice(kept_.begin(), kept_, kept);
        return kept_.front().packed;
      }
    }
    return {};
  }

  void keep(const Key& key, const Fingerprint& values, const at::Tensor& packed) {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const Kept& kept) { return kept.key == key; });
    kept_.push_front({key, values, packed});
    size_t bytes = 0;
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      bytes += kept->packed.nbytes();
      if (bytes > kKeptBytes) {
        kept_.erase(kept, kept_.end());
        break;
      }
    }
  }

 private:
  std::mutex mutex_;
  std::list<Kept> kept_;
};

// Never destroyed: the memory of its tensors goes back to a pool that may be gone before.
KeptWeights& kept_weights() {
  static KeptWeights& the_weights = *new KeptWeights;
  return the_weights;
}

}  // namespace

template <class T>
PackedWeight<T> pack_transposed(const Kernels<T>& k,
                                const at::Tensor& weight,
                                int64_t gates,
                                bool fixed) {
  if (!fixed || weight.stride(1) != 1 || weight.stride(0) < weight.size(1)) {
    return {pack<T>(k, weight, gates)};
  }
  const Key key{weight.const_data_ptr<T>(),
                weight.size(0),
                weight.size(1),
                weight.stride(0),
                weight.stride(1),
                gates,
                &k};
  Fingerprint values{};
  // A contiguous weight is one long row.
  const int64_t rows = weight.is_contiguous() ? 1 : weight.size(0);
  for (int64_t row = 0; row < rows; ++row) {
    k.fingerprint(
        weight.numel() / rows, weight.const_data_ptr<T>() + row * weight.stride(0), values.data());
  }
  auto packed = kept_weights().find(key, values);
  if (!packed.defined()) {
    packed = pack<T>(k, weight, gates);
    kept_weights().keep(key, values, packed);
  }
  return {packed};
}

template <class T>
PackedWeight<T> pack_plain(const Kernels<T>& k, const at::Tensor& weight) {
  return {pack<T>(k, weight.t(), 1)};
}

#define MASKED_RNN_INSTANTIATE(T)                           \
  template PackedWeight<T> pack_transposed<T>(              \
      const Kernels<T>&, const at::Tensor&, int64_t, bool); \
  template PackedWeight<T> pack_plain<T>(const Kernels<T>&, const at::Tensor&);
MASKED_RNN_INSTANTIATE(float)
MASKED_RNN_INSTANTIATE(double)
#undef MASKED_RNN_INSTANTIATE

}  // namespace masked_rnn

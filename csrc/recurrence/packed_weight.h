// A layer's weights in the form that its kernels read.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/kernels/kernels.h>

namespace masked_rnn {

// A product's right side, kept alive by `storage`.
template <class T>
struct PackedWeight {
  at::Tensor storage;
  const T* data() const { return storage.const_data_ptr<T>(); }
};

// weight [G*H, K] as the right side [K, G*H] of rows times weight^T; gates > 1 puts the gates of a
// hidden unit side by side. `fixed` says that the same weight may well come again: it is kept (up to
// a bound for the whole process) and packed again only when its values have changed.
template <class T>
PackedWeight<T> pack_transposed(const Kernels<T>& kernels,
                                const at::Tensor& weight,
                                int64_t gates,
                                bool fixed);

// weight [K, N] as the right side itself.
template <class T>
PackedWeight<T> pack_plain(const Kernels<T>& kernels, const at::Tensor& weight);

}  // namespace masked_rnn

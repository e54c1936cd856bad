// A layer's weights in the form that its kernels read.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/caches.h>

#include <array>
#include <optional>
#include <vector>

namespace masked_rnn {

// Of some rows of a weight.
using Fingerprint = std::array<uint32_t, kFingerprintWords>;

// Which weight it is and what its values are: equal for equal weights only.
struct WeightIdentity {
  const void* data;
  at::ScalarType dtype;
  int64_t rows, columns, row_stride, gates;
  const void* products;
  std::vector<Fingerprint> values;
  bool operator==(const WeightIdentity&) const = default;
};

// What multiplies a weight.
enum class WeightUse {
  kOnce,          // one product of few rows, which packs each block when it multiplies it
  kBySingleRows,  // products of a row each, which read it as it is if they can
  kOften,         // many products: it is packed before
  kAgain,  // later calls, too: once kept (up to a bound for the whole process), it is packed again only
           // when its values have changed
};

// A product's right side. Threads pack it together, each its share.
template <class T>
class PackedWeight {
 public:
  PackedWeight() = default;

  // weight [G*H, K] as the right side [K, G*H] of rows times weight^T, for `products`, which are of
  // `kernels`; gates > 1 puts the gates of a hidden unit side by side.
  static PackedWeight transposed(const Kernels<T>& kernels,
                                 const Products<T>& products,
                                 const at::Tensor& weight,
                                 int64_t gates,
                                 WeightUse use);

  // Rows `rows` of weight [K, N] as the right side itself, which is not used again.
  static PackedWeight plain(const Products<T>& products,
                            const at::Tensor& weight,
                            Range rows,
                            WeightUse use);

  // Member `member` of `size` threads packs its share. All of them must have before any product.
  void pack(int64_t member, int64_t size) const;

  // Keeps a fixed weight, once it is packed, for later calls.
  void keep() const;

  // Where it has been packed, or null where it is read as it is.
  const T* data() const { return data_; }

  // As it is.
  const PackArguments<T>& weight() const { return arguments_; }

  // A product of no rows yet with some columns of it, from the beginning of a block on (gates = 1).
  ProductArguments<T> times(Range columns) const;

  // Whether products read the weight itself, and pack what they must.
  bool is_read_by_products() const { return data_ == nullptr; }

  // Whether the near caches don't hold it from step to step.
  bool is_cold() const { return packed_.defined() && is_cold_weight(packed_.nbytes()); }

 private:
  void set_weight(const at::Tensor& weight);
  void make_room();

  const Products<T>* products_ = nullptr;
  at::Tensor weight_;
  PackArguments<T> arguments_{};  // of all of it
  at::Tensor packed_;
  const T* data_ = nullptr;              // null where products read the weight itself
  std::optional<WeightIdentity> fixed_;  // as which it will be kept
};

}  // namespace masked_rnn

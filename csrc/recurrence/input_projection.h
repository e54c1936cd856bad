// W_ih x_t + biases for the rows of a schedule, dense or one-hot.
#pragma once

#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/packed_weight.h>

#include <vector>

namespace masked_rnn {

// Of each row of a share of the batch, what is projected.
template <class T>
struct InputRows {
  std::vector<const T*> dense;
  std::vector<int64_t> one_hot;  // indices; none if there are dense ones
};

template <class T>
class InputProjection {
 public:
  // Throws c10::Error for a one-hot index out of range at a valid position.
  InputProjection(const LayerArguments& arguments, const Schedule& schedule, WeightUse use);

  // To be packed before any row is projected.
  const PackedWeight<T>& weight() const { return packed_; }

  InputRows<T> rows_of(const Schedule& share) const;

  // Writes some columns, from the beginning of a block of the weight on, of each row in [first, last) of a
  // share to its gates[i] -> [G*H]. The rows after them are projected next: the first of these may be
  // fetched meanwhile.
  void operator()(
      const InputRows<T>& rows, int64_t first, int64_t last, Range columns, T* const* gates) const;

  // Whether the steps of a single row, which multiply it with weight_hh, may compute this ahead: where both
  // weights have room in a near cache.
  static bool can_be_ahead(const LayerArguments& arguments);

  // What operator() computes where the input is dense, but for what is fetched; `shifted` is that of from_column.
  ProductArguments<T> product(const InputRows<T>& rows,
                              int64_t first,
                              int64_t last,
                              Range columns,
                              T* const* gates,
                              std::vector<T*>& shifted) const;

 private:
  const Kernels<T>& kernels_;
  bool cold_;
  at::Tensor input_, weight_;
  std::vector<T> bias_;           // [G*H], filled up to whole blocks
  PackedWeight<T> packed_;        // dense
  std::vector<int64_t> indices_;  // one-hot, of the batch's rows
};

}  // namespace masked_rnn

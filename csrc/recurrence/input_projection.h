// W_ih x_t + biases for the rows of a schedule, dense or one-hot.
#pragma once

#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/packed_weight.h>

#include <vector>

namespace masked_rnn {

template <class T>
class InputProjection {
 public:
  // Throws c10::Error for a one-hot index out of range at a valid position.
  InputProjection(const LayerArguments& arguments, const Schedule& schedule, WeightUse use);

  // To be packed before any row is projected.
  const PackedWeight<T>& weight() const { return packed_; }

  // Writes some columns, from the beginning of a block of the weight on, of each of `count` rows to its
  // gates[i] -> [G*H]. The first of the `following` rows, which stand behind them and are projected next,
  // may be fetched meanwhile.
  void operator()(
      const int64_t* rows, int64_t count, int64_t following, Range columns, T* const* gates) const;

 private:
  const Kernels<T>& kernels_;
  bool cold_;
  at::Tensor input_, weight_;
  std::vector<T> bias_;           // [G*H]
  std::vector<const T*> rows_;    // dense
  PackedWeight<T> packed_;        // dense
  std::vector<int64_t> indices_;  // one-hot
};

}  // namespace masked_rnn

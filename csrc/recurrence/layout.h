// Where the rows of a schedule stand in the caller's padded tensors, and the kernels' view of a
// layer's weights.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/recurrence/rows.h>
#include <masked_rnn/csrc/schedule.h>

#include <vector>

namespace masked_rnn {

// The schedule of a layer's lengths or mask. Throws c10::Error when a length is not in 0..T.
Schedule make_schedule(const LayerArguments& arguments);

// For each row of the schedule, the address of its vector in a padded tensor [T, B, size] whose last
// dimension is contiguous.
template <class T>
std::vector<T*> row_pointers(const Schedule& schedule, const at::Tensor& padded);

// For each row, the address of the hidden state it continues: the output row of the step before, or
// for the first step the row of h_0 [B, P].
template <class T>
std::vector<const T*> previous_pointers(const Schedule& schedule,
                                        const std::vector<T*>& output,
                                        const at::Tensor& h_0);

// For each row, its one-hot index in the layer's input [T, B]. Throws c10::Error for an index out of
// range.
std::vector<int64_t> row_indices(const Schedule& schedule, const LayerArguments& arguments);

// `tensor` itself if its last dimension is contiguous, else a contiguous copy.
at::Tensor with_contiguous_rows(const at::Tensor& tensor);

// Writes 0 to every position of a padded tensor [T, B, size], contiguous, that holds no token.
void zero_padding(const Schedule& schedule, const at::Tensor& padded);

// A product's right side in the kernels' form, kept alive by `storage`.
template <class T>
struct PackedWeight {
  at::Tensor storage;
  const T* data() const { return storage.const_data_ptr<T>(); }
};

// weight [G*H, K] as the right side [K, G*H] of rows times weight^T; by_gates interleaves the gates.
template <class T>
PackedWeight<T> pack_transposed(const at::Tensor& weight, int64_t gates);

// weight [K, N] as the right side itself.
template <class T>
PackedWeight<T> pack_plain(const at::Tensor& weight);

}  // namespace masked_rnn

// Where the rows of a schedule stand in the caller's padded tensors.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/recurrence/caches.h>
#include <masked_rnn/csrc/recurrence/rows.h>
#include <masked_rnn/csrc/schedule.h>

#include <vector>

namespace masked_rnn {

// Threads share out rows of products in multiples of so many, which fill matrix tiles.
constexpr int64_t kRowsOfTiles = 16;

// Whether threads share out the hidden units of all sequences rather than the sequences: where there
// are so few of them that a step takes as long as reading weight_hh does.
bool share_out_units(const LayerArguments& arguments, const Schedule& schedule, int64_t threads);

// Direction `i` of `count`, whose parts of a tensor stand side by side in its last dimension. The tensor
// itself if there is one direction, or if it is undefined.
at::Tensor side_by_side(const at::Tensor& joint, int64_t i, int64_t count);

// Direction `i` of a tensor [directions, rows, size]. The tensor itself if it has fewer dimensions, or if it is
// undefined.
at::Tensor one_of(const at::Tensor& joint, int64_t i);

// Of the threads that compute so many rows, how many make the pointers to them: all, since a team of another
// size between two others would cost more than it saves, or one where they are few.
int64_t threads_for_pointers(int64_t num_rows, int64_t threads);

// What a forward pass multiplies for the rows of a schedule.
int64_t multiply_adds(const LayerArguments& arguments, const Schedule& schedule);

// For each row of the schedule, the address of its vector in a padded tensor [T, B, size] whose last
// dimension is contiguous.
template <class T>
std::vector<T*> row_pointers(const Schedule& schedule, const at::Tensor& padded);

// For each row, the address of the state it continues: that of the step before, which begins at a column
// of its row of `states`, or for the first step the row of the initial state [B, size].
template <class T>
std::vector<const T*> previous_pointers(const Schedule& schedule,
                                        const std::vector<T*>& states,
                                        const at::Tensor& initial,
                                        int64_t column = 0);

// For each row, where the batch's `saved` [rows of the batch, saved_size] has it. None if nothing is saved.
template <class T>
std::vector<T*> saved_pointers(const Schedule& schedule, const at::Tensor& saved);

// For each row, its one-hot index in the layer's input [T, B]. Throws c10::Error for an index out of
// range.
std::vector<int64_t> row_indices(const Schedule& schedule, const LayerArguments& arguments);

// `tensor` itself if its last dimension is contiguous, else a contiguous copy.
at::Tensor with_contiguous_rows(const at::Tensor& tensor);

// Whether all rows of a batch, of `size` elements each, are too many for the near caches to still hold
// them from one pass to the next.
template <class T>
bool are_cold(int64_t batch_rows, int64_t size) {
  return is_cold(static_cast<size_t>(batch_rows * size) * sizeof(T));
}

// Whether they are more than a core's caches hold.
template <class T>
bool are_far(int64_t batch_rows, int64_t size) {
  return is_far(static_cast<size_t>(batch_rows * size) * sizeof(T));
}

// A copy of the rows of a state [B, size], in the schedule's order of sequences.
template <class T>
Rows<T> in_order(const Schedule& schedule, const at::Tensor& state, Scratch& scratch);

// Writes 0 to the positions of a padded tensor [T, B, size], contiguous but for what may stand between its
// rows, that hold no token: member `member` of `size` threads to its share. Little by little, while they
// compute, that takes less time: memory has little else to do. A thread that is alone writes them at once,
// since as many at each step would keep it from what it reads (1-4% of a vanilla RNN's forward pass).
template <class T>
class PaddingZeros {
 public:
  // `padded` may be undefined.
  PaddingZeros(const Kernels<T>& kernels,
               const Padding& padding,
               const at::Tensor& padded,
               int64_t member,
               int64_t size);

  // What is missing when `done` of `all` has been computed.
  void write(int64_t done, int64_t all);
  void write_all() { write(1, 1); }

 private:
  const Kernels<T>& kernels_;
  const Padding& padding_;
  T* data_ = nullptr;
  int64_t steps_ = 0, width_ = 0, stride_ = 0;
  bool large_ = false;
  // Members take steps by turns: towards the end there is more padding. Along the memory, not along the
  // sequences, whose rows stand on pages of their own.
  const int64_t size_;
  int64_t next_;
};

}  // namespace masked_rnn

// Gradients of weights and biases: sums over rows of what the reverse chain leaves, the gradients of
// the gates.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/recurrence/rows.h>
#include <masked_rnn/csrc/schedule.h>

#include <vector>

namespace masked_rnn {

// Columns of a row of gates: one for each gate and hidden unit; the GRU has r, z, n as the recurrent
// side sees it (its product is multiplied with r), and n as the input's side sees it.
constexpr int64_t gate_columns(CellKind cell, int64_t hidden_size) {
  return (cell == CellKind::kGru ? 4 : num_gates(cell)) * hidden_size;
}

// Of the consecutive rows [first, first + count) of a schedule, and of some rows before them, which stand
// at negative places: row i at place i - first.
template <class T>
struct GateGradients {
  int64_t first, count;
  Rows<T> gates;           // [count, gate_columns]
  const T** rows;          // their addresses
  Rows<T> h_raw;           // [count, H] h before the projection, if its weight's gradient is wanted
  Rows<T> grad_projected;  // [count, P] gradient of h after it, likewise
};

// The sums, part of the rows by part. The order of additions depends on the parts, but on no number of
// threads.
template <class T>
class WeightGradients {
 public:
  // Of the rows of `schedule`, which are some or all of the `batch_rows` rows of a batch. previous:
  // [N] -> [P] the h that each row continues. Parts have at most `most_rows` rows, and are added by at most
  // `most_threads` threads.
  WeightGradients(const LayerArguments& layer,
                  const Schedule& schedule,
                  int64_t batch_rows,
                  const std::vector<const T*>& previous,
                  const WantedMask& wanted,
                  int64_t most_rows,
                  int64_t most_threads,
                  Scratch& scratch);

  // For each part, the one that ends with the last row first: member `member` of `size` threads adds its
  // share, when all of them have computed the part's chain.
  void add(const GateGradients<T>& part, int64_t member, int64_t size) const;

  // After the last part: those that are wanted.
  void finish(LayerGradients& result) const;

  // Of the rows that add() reads, those that no other work of a backward pass has read before.
  NextRows<T> read_next(const GateGradients<T>& part) const;

 private:
  struct Sum;
  // A thread's own memory. The rows of x, h and h_raw as right sides of outer products are packed by each
  // thread for itself: reading what another one has packed takes longer. Null where no gradient needs
  // them.
  struct Own {
    T* x_side = nullptr;
    T* h_side = nullptr;
    T* h_raw_side = nullptr;
    T* panels = nullptr;
  };
  void pack(const GateGradients<T>& part, const Own& own) const;
  void add(const Sum& sum, const GateGradients<T>& part, int64_t member, int64_t size) const;
  void add_one_hot(const GateGradients<T>& part, int64_t member, int64_t size) const;

  const LayerArguments& a_;
  const Kernels<T>& kernels_;
  const std::vector<const T*>& previous_;
  const WantedMask& wanted_;
  const int64_t H_, N_, batch_rows_;
  at::Tensor input_;
  std::vector<const T*> input_rows_;  // dense
  std::vector<int64_t> indices_;      // one-hot
  std::vector<Own> own_;              // of each thread
  at::Tensor weight_ih_, weight_hh_, weight_hr_;
  T* column_sums_ = nullptr;  // [gate_columns]
};

}  // namespace masked_rnn

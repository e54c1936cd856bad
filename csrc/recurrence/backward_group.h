// The backward pass of a group of sequences, by parts of equally many rows from the last one to the first:
// the reverse chain through the steps that have any, on each thread's own sequences, then, while the gates'
// gradients are in the caches, those of the input and the weights.
#pragma once

#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/backward_batch.h>
#include <masked_rnn/csrc/recurrence/input_gradient.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/weight_gradients.h>

#include <vector>

namespace masked_rnn::recurrence {

// Rows of a part, at least, but of the last one.
constexpr int64_t kPartRows = 128;

// More than any group has.
constexpr int64_t kStagesOfGroup = int64_t{1} << 40;

template <class T>
class BackwardGroup {
 public:
  // The sequences of a share of the batch, its `index`-th, whose steps `threads` threads will compute, or at most
  // `most_threads` when others have come to help.
  BackwardGroup(const BackwardBatch<T>& batch,
                const Schedule& share,
                int64_t index,
                int64_t threads,
                int64_t most_threads);
  BackwardGroup(const BackwardGroup&) = delete;
  BackwardGroup& operator=(const BackwardGroup&) = delete;

  // All but finish(), by each member of a team from the beginning, or by who is let in from a later stage on;
  // each writes its zeros meanwhile. Every part has two stages, its chain and its sums.
  void run(Team& team, int64_t member, int64_t stage, PaddingZeros<T>& zeros);

  // Writes the gradients of the initial states, and returns the group's sums: those of weights and biases.
  LayerGradients finish() const;

 private:
  void make_room(GateGradients<T>& part);
  GateGradients<T> of_part(size_t i) const;
  void carry_over(size_t i, int64_t member, int64_t size) const;
  void begin(int64_t step, Slice rows, Range units) const;
  void unproject(const GateGradients<T>& part, int64_t step, Slice rows) const;
  void cell(const GateGradients<T>& part, int64_t step, Slice rows, Range units) const;
  void through_weight_hh(const GateGradients<T>& part,
                         int64_t step,
                         Slice rows,
                         ProductArguments<T>& product,
                         T* const* grad_h_before) const;
  NextRows<T> read_next(int64_t step, Slice slice) const;
  void chain(const GateGradients<T>& part, Steps steps, Slice slice, PaddingZeros<T>& zeros) const;
  void chain_together(const GateGradients<T>& part,
                      Steps steps,
                      Team& team,
                      Range units,
                      T* const* grad_h_before) const;
  void initial_gradient(const Rows<T>& chain,
                        const Rows<const T>& final_grad,
                        const at::Tensor& result) const;

  const BackwardBatch<T>& batch_;
  const LayerArguments& a = batch_.a;
  const Kernels<T>& k = batch_.k;
  const Schedule& schedule;
  const int64_t
      first_stage_;  // of those of all groups, which a team may compute one after the other
  const int64_t H = a.hidden_size(), P = a.output_size(), B = schedule.num_sequences;
  Scratch scratch;
  std::vector<T*> output, saved;  // [rows], as all of these
  std::vector<const T*> previous, previous_c, grad_output;
  Rows<const T> grad_h_n, grad_c_n;  // of the batch, in the caller's order; null for zeros
  Rows<T> grad_h;                    // [B, P] in the schedule's order, as every state below
  Rows<T> grad_c;                    // [B, H]
  Rows<T> grad_raw;                  // [B, H] gradient of the LSTM's h before the projection
  std::vector<T*> grad_h_rows, grad_raw_rows;
  const bool together;  // do threads share out hidden units?
  const bool cold;      // are the rows that the cell reads in no near cache?
  // Does what a pass reads come from memory, and have the rows of two steps room in a near cache?
  const bool fetch_ahead;
  const std::vector<Part> parts;
  // Of the parts by turns, from the last one on that a single thread has computed. With two, threads may begin a
  // part while others still use the one before it, and wait for each other but once a part.
  std::vector<GateGradients<T>> gates;
  size_t alone_ = 0;
  InputGradient<T> input_gradient;
  WeightGradients<T> weights;
};

}  // namespace masked_rnn::recurrence

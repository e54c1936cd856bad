// One iteration of an optimizer with a line search, L-BFGS, over the loss of the whole training set.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <functional>

namespace masked_rnn {

struct FullBatchStep {
  bool stopped = false;     // by the caller, on the way; the model is as before
  bool lowered = false;     // the loss; if not, the step was taken back
  double loss_sum = 0.0;    // after the step, nats
  int64_t num_targets = 0;  // that loss_sum is the sum of
  int64_t num_tokens = 0;   // valid steps computed in all evaluations
};

// The training set in batches that fit into memory; always the same ones in the same order.
struct FullBatch {
  int64_t num_batches = 0;
  std::function<Batch(int64_t)> batch;
  std::function<bool()> stop;  // asked between batches
  // Told after each batch how many of `num_batches` the present evaluation has done.
  std::function<void(int64_t)> on_batch;
};

// Moves the weights along one search direction, unless that does not lower the full loss. The loss
// must be the same for the same weights: no dropout. If stopped, the optimizer has lost its place
// and must be loaded anew before it is used again.
FullBatchStep full_batch_step(SequenceModel& model,
                              torch::optim::Optimizer& optimizer,
                              const FullBatch& data);

}  // namespace masked_rnn

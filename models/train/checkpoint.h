// Everything that a training needs to go on to the same bits, in one file.
#pragma once

#include <masked_rnn/models/train/metrics.h>
#include <masked_rnn/models/weights.h>
#include <torch/optim/optimizer.h>

#include <string>
#include <vector>

namespace masked_rnn {

// Where a training stands between two batches.
struct TrainingState {
  std::vector<EpochMetrics> history;  // of the completed epochs
  Weights best;                       // of the best of them, empty before the first
  bool no_lower_loss = false;         // L-BFGS is at its end

  // Of the epoch after those:
  int64_t next_batch = 0;
  double loss_sum = 0.0;    // nats
  int64_t num_targets = 0;  // that loss_sum is the sum of
  int64_t num_tokens = 0;   // valid steps
  double seconds = 0.0;
};

// The state, the weights of `model`, the state of `optimizer` and of the default random generator.
// Written atomically; DataError if the file cannot be written. The optimizer's next step is the same
// as without.
void save_checkpoint(const TrainingState& state,
                     const torch::nn::Module& model,
                     torch::optim::Optimizer& optimizer,
                     const std::string& file);

// Sets model, optimizer and the default random generator. `model` and `optimizer` must be made as
// they were for the training that wrote the file. DataError that names the file if it cannot be
// read, is cut off or something else, or belongs to another model.
TrainingState load_checkpoint(const std::string& file,
                              torch::nn::Module& model,
                              torch::optim::Optimizer& optimizer);

}  // namespace masked_rnn

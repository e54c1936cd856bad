// The optimizer that the training options name.
#pragma once

#include <masked_rnn/models/train/options.h>
#include <torch/optim/optimizer.h>

#include <memory>
#include <vector>

namespace masked_rnn {

std::unique_ptr<torch::optim::Optimizer> make_optimizer(std::vector<torch::Tensor> parameters,
                                                        const TrainingOptions& options);

// Sets the rate of the epoch after `epochs` completed ones.
void decay_learning_rate(torch::optim::Optimizer& optimizer,
                         const TrainingOptions& options,
                         int64_t epochs);

}  // namespace masked_rnn

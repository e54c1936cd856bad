// torch::optim behind one function.
#include <masked_rnn/models/train/optimizer.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <utility>

namespace masked_rnn {

std::unique_ptr<torch::optim::Optimizer> make_optimizer(std::vector<torch::Tensor> parameters,
                                                        const TrainingOptions& options) {
  namespace optim = torch::optim;
  const double rate = options.learning_rate;
  switch (options.optimizer) {
    case OptimizerKind::kAdam:
      return std::make_unique<optim::Adam>(
          std::move(parameters), optim::AdamOptions(rate).weight_decay(options.weight_decay));
    case OptimizerKind::kAdamW:
      return std::make_unique<optim::AdamW>(
          std::move(parameters), optim::AdamWOptions(rate).weight_decay(options.weight_decay));
    case OptimizerKind::kSgd:
      return std::make_unique<optim::SGD>(
          std::move(parameters),
          optim::SGDOptions(rate).momentum(options.momentum).weight_decay(options.weight_decay));
    case OptimizerKind::kLbfgs:
      // One step is one iteration: one direction and a line search along it. max_eval counts the first evaluation too,
      // so the search may take 25, torch's own number.
      return std::make_unique<optim::LBFGS>(std::move(parameters),
                                            optim::LBFGSOptions(rate)
                                                .max_iter(1)
                                                .max_eval(26)
                                                .tolerance_grad(0.0)
                                                .tolerance_change(0.0)
                                                .history_size(20)
                                                .line_search_fn("strong_wolfe"));
  }
  TORCH_INTERNAL_ASSERT(false);
}

void decay_learning_rate(torch::optim::Optimizer& optimizer,
                         const TrainingOptions& options,
                         int64_t epochs) {
  const double rate =
      options.learning_rate * std::pow(options.learning_rate_decay, static_cast<double>(epochs));
  for (auto& group : optimizer.param_groups()) group.options().set_lr(rate);
}

}  // namespace masked_rnn

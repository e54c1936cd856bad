// The optimizers that options name (train/optimizer.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/optimizer.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>

namespace {

using namespace masked_rnn;

template <typename Options>
const Options& options_of(const torch::optim::Optimizer& optimizer) {
  return static_cast<const Options&>(optimizer.param_groups()[0].options());
}

TEST(MakeOptimizer, PassesItsOptionsOn) {
  const std::vector<torch::Tensor> parameters{torch::zeros({2}).requires_grad_()};
  TrainingOptions options;
  options.learning_rate = 0.25;
  options.weight_decay = 0.5;
  const auto adam = make_optimizer(parameters, options);
  EXPECT_NE(dynamic_cast<torch::optim::Adam*>(adam.get()), nullptr);
  EXPECT_EQ(options_of<torch::optim::AdamOptions>(*adam).lr(), 0.25);
  EXPECT_EQ(options_of<torch::optim::AdamOptions>(*adam).weight_decay(), 0.5);
  options.optimizer = OptimizerKind::kAdamW;
  const auto adamw = make_optimizer(parameters, options);
  EXPECT_NE(dynamic_cast<torch::optim::AdamW*>(adamw.get()), nullptr);
  EXPECT_EQ(options_of<torch::optim::AdamWOptions>(*adamw).weight_decay(), 0.5);
  options.optimizer = OptimizerKind::kSgd;
  options.momentum = 0.75;
  const auto sgd = make_optimizer(parameters, options);
  EXPECT_NE(dynamic_cast<torch::optim::SGD*>(sgd.get()), nullptr);
  EXPECT_EQ(options_of<torch::optim::SGDOptions>(*sgd).momentum(), 0.75);
  EXPECT_EQ(options_of<torch::optim::SGDOptions>(*sgd).weight_decay(), 0.5);
  options.optimizer = OptimizerKind::kLbfgs;
  const auto lbfgs = make_optimizer(parameters, options);
  EXPECT_EQ(options_of<torch::optim::LBFGSOptions>(*lbfgs).line_search_fn(), "strong_wolfe");
}

TEST(DecayLearningRate, IsAFactorForEachEpoch) {
  TrainingOptions options;
  options.learning_rate = 0.5;
  options.learning_rate_decay = 0.5;
  const auto optimizer = make_optimizer({torch::zeros({2}).requires_grad_()}, options);
  for (const auto& [epochs, rate] : {std::pair{0, 0.5}, {2, 0.125}, {1, 0.25}}) {
    decay_learning_rate(*optimizer, options, epochs);
    EXPECT_EQ(options_of<torch::optim::AdamOptions>(*optimizer).lr(), rate);
  }
}

}  // namespace

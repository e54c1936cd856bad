// Steps over the whole training set that lower its loss or are taken back (train/full_batch.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/text/batches.h>
#include <masked_rnn/models/train/full_batch.h>
#include <masked_rnn/models/train/optimizer.h>
#include <tests/models/train/training_sets.h>
#include <torch/optim/sgd.h>

namespace {

using namespace masked_rnn;
using namespace masked_rnn::test;

class FullBatchStepTest : public testing::Test {
 protected:
  FullBatch batches(int64_t size) {
    std::vector<std::vector<int64_t>> plan;
    for (int64_t i = 0; i < 24; i += size) {
      plan.emplace_back();
      for (int64_t j = i; j < std::min<int64_t>(i + size, 24); ++j) plan.back().push_back(j);
    }
    FullBatch full;
    full.num_batches = static_cast<int64_t>(plan.size());
    full.batch = [this, plan](int64_t b) {
      return make_batch(
          set_.examples(), plan[b], &set_.vocabulary(), set_.labels(), Task::kClassify, false);
    };
    full.stop = [this] { return ++asked_ > stop_after_; };
    full.on_batch = [](int64_t) {};
    return full;
  }

  const TrainingSet set_;
  int64_t asked_ = 0;
  int64_t stop_after_ = 1'000'000;
};

TEST_F(FullBatchStepTest, LowersTheLossEveryTimeUntilItCannot) {
  const auto model = set_.model();
  const auto optimizer =
      make_optimizer(model->parameters(), training_options(OptimizerKind::kLbfgs));
  double loss = INFINITY;
  int64_t steps = 0;
  while (steps < 2000) {
    const Weights before = copy_weights(*model);
    const FullBatchStep step = full_batch_step(*model, *optimizer, batches(24));
    if (!step.lowered) {
      EXPECT_TRUE(same_bits(copy_weights(*model), before));
      break;
    }
    EXPECT_LT(step.loss_sum, loss);
    EXPECT_EQ(step.num_targets, 24);
    loss = step.loss_sum;
    ++steps;
  }
  EXPECT_LT(steps, 2000);
  EXPECT_LT(loss, 1e-2);
}

// Any optimizer does for this one: a step that is far too long.
TEST_F(FullBatchStepTest, TakesBackAStepThatDoesNotLowerTheLoss) {
  const auto model = set_.model();
  const Weights before = copy_weights(*model);
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(1e4));
  const FullBatchStep step = full_batch_step(*model, optimizer, batches(24));
  EXPECT_FALSE(step.lowered);
  EXPECT_TRUE(same_bits(copy_weights(*model), before));
}

TEST_F(FullBatchStepTest, HasTheGradientOfTheMeanHoweverItIsCut) {
  const auto gradient_by = [&](int64_t size) {
    const auto model = set_.model();
    const Weights before = copy_weights(*model);
    torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.1));
    EXPECT_TRUE(full_batch_step(*model, optimizer, batches(size)).lowered);
    const Weights after = copy_weights(*model);
    std::vector<torch::Tensor> moved;
    for (size_t i = 0; i < after.size(); ++i) {
      moved.push_back((before[i].second - after[i].second).flatten() / 0.1);
    }
    return torch::cat(moved);
  };
  const torch::Tensor whole = gradient_by(24);
  EXPECT_GT(whole.norm().item<double>(), 0.01);
  EXPECT_LT((gradient_by(5) - whole).abs().max().item<double>(), 1e-5);
}

TEST_F(FullBatchStepTest, StopsBetweenBatchesWithTheOldWeights) {
  const auto model = set_.model();
  const Weights before = copy_weights(*model);
  const auto optimizer =
      make_optimizer(model->parameters(), training_options(OptimizerKind::kLbfgs));
  stop_after_ = 8;  // in the line search
  const FullBatchStep step = full_batch_step(*model, *optimizer, batches(5));
  EXPECT_TRUE(step.stopped);
  EXPECT_FALSE(step.lowered);
  EXPECT_TRUE(same_bits(copy_weights(*model), before));
}

}  // namespace

// Checkpoints (train/checkpoint.h).
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/train/checkpoint.h>
#include <masked_rnn/models/train/optimizer.h>
#include <tests/support/errors.h>
#include <tests/support/folders.h>
#include <torch/nn/modules/linear.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::content_of;
using masked_rnn::test::data_error_of;
using masked_rnn::test::Folder;

struct Training {
  explicit Training(int64_t size = 3)
      : model(size, 2), optimizer(make_optimizer(model->parameters(), TrainingOptions())) {}
  void step() {
    optimizer->zero_grad();
    model->forward(torch::ones({1, model->weight.size(1)})).square().sum().backward();
    optimizer->step();
  }
  torch::nn::Linear model;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
};

TEST(Checkpoint, BringsEverythingBack) {
  const Folder folder;
  Training training;
  training.step();
  TrainingState state;
  EpochMetrics metrics;
  metrics.epoch = 1;
  metrics.train_loss = 1.0 / 3.0;
  state.history = {metrics};
  state.best = copy_weights(*training.model);
  state.no_lower_loss = true;
  state.next_batch = 4;
  state.loss_sum = 0.1 + 0.2;
  state.num_targets = 5;
  state.num_tokens = 6;
  state.seconds = 0.7;
  save_checkpoint(state, *training.model, *training.optimizer, folder / "checkpoint.pt");
  const torch::Tensor random = torch::rand({4});
  training.step();

  Training other;
  const TrainingState loaded =
      load_checkpoint(folder / "checkpoint.pt", *other.model, *other.optimizer);
  EXPECT_EQ(to_json_lines(loaded.history), to_json_lines(state.history));
  ASSERT_EQ(loaded.best.size(), 2U);
  EXPECT_TRUE(loaded.best[0].second.equal(state.best[0].second));
  EXPECT_TRUE(loaded.no_lower_loss);
  EXPECT_EQ(loaded.next_batch, 4);
  EXPECT_EQ(loaded.loss_sum, 0.1 + 0.2);
  EXPECT_EQ(loaded.num_targets, 5);
  EXPECT_EQ(loaded.num_tokens, 6);
  EXPECT_EQ(loaded.seconds, 0.7);
  EXPECT_TRUE(torch::rand({4}).equal(random));
  other.step();  // with the moments of the other's optimizer
  EXPECT_TRUE(other.model->weight.equal(training.model->weight));
}

TEST(Checkpoint, BringsLbfgsBackWithItsHistory) {
  const Folder folder;
  TrainingOptions options;
  options.optimizer = OptimizerKind::kLbfgs;
  options.learning_rate = 1.0;
  const auto step = [](torch::nn::Linear& model, torch::optim::Optimizer& optimizer) {
    optimizer.step([&] {
      optimizer.zero_grad();
      const torch::Tensor loss = model->forward(torch::eye(3)).exp().sum() + model->bias.norm();
      loss.backward();
      return loss;
    });
  };
  torch::nn::Linear model(3, 2), other(3, 2);
  const auto optimizer = make_optimizer(model->parameters(), options);
  const auto loaded = make_optimizer(other->parameters(), options);
  for (int i = 0; i < 3; ++i) step(model, *optimizer);
  save_checkpoint({}, *model, *optimizer, folder / "checkpoint.pt");
  load_checkpoint(folder / "checkpoint.pt", *other, *loaded);
  for (int i = 0; i < 2; ++i) {
    step(model, *optimizer);
    step(other, *loaded);
    EXPECT_TRUE(model->weight.equal(other->weight));
  }
}

std::string error_of(const std::string& file, Training& training) {
  return data_error_of([&] { load_checkpoint(file, *training.model, *training.optimizer); });
}

TEST(Checkpoint, IsNotReadFromOtherFiles) {
  const Folder folder;
  const std::string file = folder / "checkpoint.pt";
  Training training;
  save_checkpoint({}, *training.model, *training.optimizer, file);
  const std::string whole = content_of(file);
  const torch::Tensor before = training.model->weight.detach().clone();
  for (const size_t length : {size_t{0}, size_t{10}, whole.size() / 2, whole.size() - 1}) {
    write_atomically(file, whole.substr(0, length));
    EXPECT_EQ(error_of(file, training),
              file + ": expected a checkpoint, but it is cut off or something else");
  }
  save_weights(copy_weights(*training.model), file);
  EXPECT_EQ(error_of(file, training),
            file + ": expected a checkpoint, but it is cut off or something else");
  Training wider(4);
  save_checkpoint({}, *wider.model, *wider.optimizer, file);
  EXPECT_EQ(error_of(file, training),
            file + ": expected a checkpoint of this run, but it is another model's");
  EXPECT_TRUE(training.model->weight.equal(before));
}

}  // namespace

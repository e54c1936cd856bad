// The training loop (train/trainer.h): what it learns, keeps, and resumes to the same bits.
#include <gtest/gtest.h>
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/train/trainer.h>
#include <tests/models/train/training_sets.h>
#include <tests/support/errors.h>
#include <tests/support/folders.h>

namespace {

using namespace masked_rnn;
using namespace masked_rnn::test;

TEST(Trainer, LearnsAndReports) {
  const TrainingSet set;
  const auto model = set.model();
  TrainingOptions options = training_options(OptimizerKind::kAdam, 40);
  options.learning_rate = 0.02;
  Trainer trainer(model, set.data(), options);
  Recorder recorder;
  trainer.train(recorder, never);
  EXPECT_EQ(recorder.epochs.size(), trainer.state().history.size());
  EXPECT_LT(recorder.epochs.back().train_loss, 0.1 * recorder.epochs.front().train_loss);
  const EpochMetrics& best = recorder.epochs[best_epoch(recorder.epochs)];
  EXPECT_EQ(best.dev_accuracy, 1.0);
  const BatchProgress& last = recorder.batches.back();
  EXPECT_EQ(last.batch, last.batches);
  EXPECT_EQ(last.epoch, recorder.epochs.back().epoch);
  EXPECT_DOUBLE_EQ(last.train_loss, recorder.epochs.back().train_loss);
}

TEST(Trainer, EndsWithTheWeightsOfTheBestEpoch) {
  const TrainingSet set;
  const auto model = set.model();
  TrainingOptions options = training_options(OptimizerKind::kSgd, 10);
  options.learning_rate = 2.0;  // too much: it gets worse now and then
  Trainer trainer(model, set.data(), options);
  Recorder recorder;
  trainer.train(recorder, never);
  const EpochMetrics& best = recorder.epochs[best_epoch(recorder.epochs)];
  const auto result =
      evaluate(*model, set.examples(), &set.vocabulary(), set.labels(), options.batch_tokens);
  EXPECT_EQ(result->loss, best.dev_loss);
  EXPECT_TRUE(same_bits(copy_weights(*model), trainer.state().best));
}

TEST(Trainer, MeasuresTheLossOfAllTargetsOfTheEpoch) {
  const TrainingSet set;
  const auto model = set.model();
  TrainingOptions options = training_options(OptimizerKind::kSgd, 1);
  options.learning_rate = 1e-12;  // the weights do not move
  Trainer trainer(model, set.data(), options);
  Recorder recorder;
  trainer.train(recorder, never);
  EXPECT_NEAR(recorder.epochs[0].train_loss, *recorder.epochs[0].dev_loss, 1e-6);
}

TEST(Trainer, ClipsTheGradient) {
  const TrainingSet set;
  const auto moved_by = [&](double clip_norm) {
    const auto model = set.model();
    const Weights before = copy_weights(*model);
    TrainingOptions options = training_options(OptimizerKind::kSgd, 1);
    options.batch_tokens = 1'000'000;  // one batch, one step
    options.learning_rate = 1.0;
    options.clip_norm = clip_norm;
    Trainer trainer(model, set.data(), options);
    Recorder recorder;
    trainer.train(recorder, never);
    double squares = 0.0;
    const Weights after = copy_weights(*model);
    for (size_t i = 0; i < after.size(); ++i) {
      squares += (after[i].second - before[i].second).square().sum().item<double>();
    }
    return std::sqrt(squares);
  };
  EXPECT_GT(moved_by(0.0), 0.02);
  EXPECT_NEAR(moved_by(0.01), 0.01, 1e-5);
}

class EveryOptimizer : public testing::TestWithParam<OptimizerKind> {};

// A training that is stopped whenever it has asked `patience` times, each time in a new trainer,
// until it ends by itself.
struct Pieces {
  int64_t count = 0;
  Weights end;
  std::vector<EpochMetrics> history;
};

Pieces train_in_pieces(const TrainingSet& set,
                       bool dev,
                       double dropout,
                       const TrainingOptions& options,
                       int64_t patience) {
  const Folder folder;
  Trainer(set.model(dropout), set.data(dev), options).start_in(folder.path());
  Recorder recorder;
  Pieces pieces;
  StopReason reason = StopReason::kInterrupted;
  for (; reason == StopReason::kInterrupted && pieces.count < 1000; ++pieces.count) {
    const auto model = set.model(dropout, /*seed=*/99);  // overwritten by the checkpoint
    Trainer trainer(model, set.data(dev), options);
    trainer.resume_in(folder.path());
    int64_t asked = 0;
    reason = trainer.train(recorder, [&] { return ++asked > patience; });
    pieces.end = copy_weights(*model);
    pieces.history = trainer.state().history;
  }
  EXPECT_EQ(reason, StopReason::kEpochs);
  EXPECT_TRUE(same_bits(load_weights(folder / kModelFile), pieces.end));
  return pieces;
}

void expect_same_end(const TrainingSet& set,
                     bool dev,
                     const TrainingOptions& options,
                     const std::vector<int64_t>& patiences) {
  const double dropout = options.optimizer == OptimizerKind::kLbfgs ? 0.0 : 0.3;
  const auto model = set.model(dropout);
  Trainer whole(model, set.data(dev), options);
  Recorder recorder;
  whole.train(recorder, never);
  const auto& history = whole.state().history;
  for (const int64_t patience : patiences) {
    const Pieces pieces = train_in_pieces(set, dev, dropout, options, patience);
    EXPECT_GT(pieces.count, 1) << patience;
    EXPECT_TRUE(same_bits(pieces.end, copy_weights(*model))) << patience;
    ASSERT_EQ(pieces.history.size(), history.size()) << patience;
    for (size_t i = 0; i < history.size(); ++i) {
      EXPECT_EQ(pieces.history[i].train_loss, history[i].train_loss) << patience;
      EXPECT_EQ(pieces.history[i].dev_loss, history[i].dev_loss) << patience;
    }
  }
}

// The development set is measured, and an L-BFGS step taken, at a stretch or not at all: `patience`
// must reach for the longest of them.
TEST_P(EveryOptimizer, ResumesToTheSameBits) {
  const TrainingSet set;
  const TrainingOptions options = training_options(GetParam(), 4);
  if (GetParam() == OptimizerKind::kLbfgs) {
    expect_same_end(set, /*dev=*/true, options, {70, 85});
  } else {
    expect_same_end(set, /*dev=*/true, options, {12, 13, 20});
    expect_same_end(set, /*dev=*/false, options, {1, 5});
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         EveryOptimizer,
                         testing::Values(OptimizerKind::kAdam,
                                         OptimizerKind::kAdamW,
                                         OptimizerKind::kSgd,
                                         OptimizerKind::kLbfgs),
                         [](const auto& info) { return name(info.param); });

TEST(Trainer, RefusesDropoutWithLbfgs) {
  const TrainingSet set;
  EXPECT_EQ(message_of([&] {
              Trainer(set.model(0.5), set.data(), training_options(OptimizerKind::kLbfgs));
            }),
            "masked_rnn: expected dropout to be 0 with the optimizer lbfgs, whose loss must not "
            "vary, but got 0.5");
}

TEST(Trainer, SaysWhenTheLossIsNoLongerANumber) {
  const TrainingSet set;
  const auto model = set.model();
  model->parameters()[0].detach().fill_(NAN);
  Trainer trainer(model, set.data(), training_options());
  Recorder recorder;
  EXPECT_EQ(data_error_of([&] { trainer.train(recorder, never); }),
            "training diverged: the loss of epoch 1 is nan; a smaller learning rate may help");
}

TEST(Trainer, KeepsNothingUnasked) {
  const TrainingSet set;
  const Folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  Trainer trainer(set.model(), set.data(), training_options());
  Recorder recorder;
  trainer.train(recorder, never);
  std::filesystem::current_path(before);
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace

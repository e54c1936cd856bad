// When training ends and which epoch it keeps (train/stopping.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/stopping.h>

namespace {

using namespace masked_rnn;

EpochMetrics measured(double train_loss, double dev_accuracy, double dev_loss = 1.0) {
  EpochMetrics metrics;
  metrics.train_loss = train_loss;
  metrics.dev_accuracy = dev_accuracy;
  metrics.dev_loss = dev_loss;
  return metrics;
}

EpochMetrics without_dev(double train_loss) {
  EpochMetrics metrics;
  metrics.train_loss = train_loss;
  return metrics;
}

TrainingOptions options_of(int64_t epochs, int64_t patience, double min_loss) {
  TrainingOptions options;
  options.epochs = epochs;
  options.patience = patience;
  options.min_loss = min_loss;
  return options;
}

TEST(Stopping, NeverBeforeTheFirstEpoch) {
  EXPECT_EQ(stop_reason({}, options_of(1, 1, 1.0)), std::nullopt);
}

TEST(Stopping, AtALossOfZero) {
  const TrainingOptions options = options_of(10, 0, 0.0);
  EXPECT_EQ(stop_reason({without_dev(1e-30)}, options), std::nullopt);
  EXPECT_EQ(stop_reason({without_dev(0.0)}, options), StopReason::kMinLoss);
  EXPECT_EQ(describe(StopReason::kMinLoss, options), "the training loss is 0");
}

TEST(Stopping, AtASmallLoss) {
  const TrainingOptions options = options_of(10, 0, 0.01);
  EXPECT_EQ(stop_reason({without_dev(0.02)}, options), std::nullopt);
  EXPECT_EQ(stop_reason({without_dev(0.02), without_dev(0.01)}, options), StopReason::kMinLoss);
  EXPECT_EQ(describe(StopReason::kMinLoss, options), "the training loss is at most 0.01");
}

TEST(Stopping, AfterAllEpochs) {
  const TrainingOptions options = options_of(2, 0, 0.0);
  EXPECT_EQ(stop_reason({without_dev(1.0)}, options), std::nullopt);
  EXPECT_EQ(stop_reason({without_dev(1.0), without_dev(1.0)}, options), StopReason::kEpochs);
  EXPECT_EQ(describe(StopReason::kEpochs, options), "all 2 epochs are done");
}

TEST(Stopping, WhenTheDevelopmentSetStopsImproving) {
  const TrainingOptions options = options_of(100, 2, 0.0);
  std::vector<EpochMetrics> history{measured(3, 0.5), measured(2, 0.6), measured(1, 0.6)};
  EXPECT_EQ(stop_reason(history, options), std::nullopt);
  history.push_back(measured(1, 0.5));
  EXPECT_EQ(stop_reason(history, options), StopReason::kPatience);
  EXPECT_EQ(describe(StopReason::kPatience, options),
            "nothing better on the development set in 2 epochs");
  history.push_back(measured(1, 0.7));
  EXPECT_EQ(stop_reason(history, options), std::nullopt);
}

TEST(Stopping, NeverByPatienceZero) {
  EXPECT_EQ(stop_reason({measured(3, 0.5), measured(3, 0.4)}, options_of(100, 0, 0.0)),
            std::nullopt);
}

TEST(BestEpoch, HasTheHighestAccuracyThenTheLowestLossThenIsFirst) {
  EXPECT_EQ(best_epoch({measured(3, 0.5), measured(3, 0.6), measured(3, 0.4)}), 1);
  EXPECT_EQ(best_epoch({measured(3, 0.5, 0.9), measured(3, 0.5, 0.8), measured(3, 0.5, 1.0)}), 1);
  EXPECT_EQ(best_epoch({measured(3, 0.5), measured(3, 0.5)}), 0);
}

TEST(BestEpoch, IsTheLastWithoutADevelopmentSet) {
  EXPECT_EQ(best_epoch({without_dev(3), without_dev(1), without_dev(2)}), 2);
}

}  // namespace

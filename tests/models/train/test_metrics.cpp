// Lines of metrics.jsonl (train/metrics.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/metrics.h>

namespace {

using namespace masked_rnn;

TEST(Metrics, AreOneJsonObjectALine) {
  EpochMetrics metrics;
  metrics.epoch = 3;
  metrics.train_loss = 0.5;
  metrics.dev_loss = 0.25;
  metrics.dev_accuracy = 0.875;
  metrics.tokens_per_second = 1000.5;
  metrics.seconds = 2.0;
  EXPECT_EQ(to_json_line(metrics),
            R"({"epoch":3,"train_loss":0.5,"dev_loss":0.25,"dev_accuracy":0.875,)"
            R"("tokens_per_second":1000.5,"seconds":2.0})");
}

TEST(Metrics, SayWhatWasNotMeasured) {
  EpochMetrics metrics;
  metrics.epoch = 1;
  EXPECT_EQ(to_json_line(metrics),
            R"({"epoch":1,"train_loss":0.0,"dev_loss":null,"dev_accuracy":null,)"
            R"("tokens_per_second":0.0,"seconds":0.0})");
}

TEST(Metrics, ComeBackToTheSameBits) {
  EpochMetrics metrics;
  metrics.train_loss = 1.0 / 3.0;
  metrics.dev_accuracy = 0.1 + 0.2;
  const EpochMetrics read = metrics_from_json_line(to_json_line(metrics));
  EXPECT_EQ(read.train_loss, metrics.train_loss);
  EXPECT_EQ(read.dev_accuracy, metrics.dev_accuracy);
  EXPECT_FALSE(read.dev_loss.has_value());
}

}  // namespace

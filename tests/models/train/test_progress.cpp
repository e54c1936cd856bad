// What a person sees of a training (train/progress.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/progress.h>

#include <sstream>

namespace {

using namespace masked_rnn;

BatchProgress progress_of(int64_t batch) {
  BatchProgress progress;
  progress.epoch = 3;
  progress.epochs = 20;
  progress.batch = batch;
  progress.batches = 48;
  progress.train_loss = 0.12345;
  progress.num_tokens = 70420;
  progress.seconds = 2.0;
  return progress;
}

EpochMetrics metrics_of_epoch() {
  EpochMetrics metrics;
  metrics.epoch = 3;
  metrics.train_loss = 0.12345;
  metrics.dev_loss = 0.25;
  metrics.dev_accuracy = 0.91234;
  metrics.tokens_per_second = 35210.4;
  metrics.seconds = 12.34;
  return metrics;
}

TEST(ProgressBar, ShowsPlaceLossSpeedAndTimeLeft) {
  EXPECT_EQ(progress_bar(progress_of(12), 82.1, 120),
            "epoch 3/20   25% [######------------------]  loss 0.1235  35210 tokens/s  1:23 left");
  EXPECT_EQ(
      progress_bar(progress_of(48), 3723.0, 120),
      "epoch 3/20  100% [########################]  loss 0.1235  35210 tokens/s  1:02:03 left");
  EXPECT_EQ(progress_bar(progress_of(0), std::nullopt, 120),
            "epoch 3/20    0% [------------------------]  loss 0.1235  35210 tokens/s");
}

TEST(ProgressBar, FitsTheTerminal) {
  EXPECT_EQ(progress_bar(progress_of(12), 82.1, 20), "epoch 3/20   25% [#");
  EXPECT_EQ(progress_bar(progress_of(12), 82.1, 0), "");
}

TEST(EpochLine, TellsWhatWasMeasured) {
  EXPECT_EQ(epoch_line(metrics_of_epoch(), 20, true),
            "epoch 3/20  train loss 0.1235  dev loss 0.2500  dev accuracy 0.9123  35210 tokens/s  "
            "12.3 s  best");
  EpochMetrics metrics = metrics_of_epoch();
  metrics.dev_loss = metrics.dev_accuracy = std::nullopt;
  EXPECT_EQ(epoch_line(metrics, 20, true), "epoch 3/20  train loss 0.1235  35210 tokens/s  12.3 s");
}

TEST(Progress, IsPlainLinesWithoutATerminal) {
  std::ostringstream out;
  Progress progress(out, /*terminal=*/false, 20);
  progress.on_batch(progress_of(12));
  progress.on_epoch(metrics_of_epoch(), false);
  EXPECT_EQ(out.str(), epoch_line(metrics_of_epoch(), 20, false) + "\n");
}

TEST(Progress, TakesItsBarAway) {
  std::ostringstream out;
  Progress progress(out, /*terminal=*/true, 20);
  progress.on_batch(progress_of(12));
  progress.on_epoch(metrics_of_epoch(), false);
  const std::string clear = "\r\x1b[K";
  EXPECT_EQ(out.str().substr(0, clear.size()), clear);
  const std::string end = clear + epoch_line(metrics_of_epoch(), 20, false) + "\n";
  EXPECT_EQ(out.str().substr(out.str().size() - end.size()), end);
}

}  // namespace

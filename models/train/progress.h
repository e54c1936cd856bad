// Training as a person sees it: a bar on a terminal, a plain line for every epoch anywhere.
#pragma once

#include <masked_rnn/models/train/listener.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>

namespace masked_rnn {

// "epoch 3/20  45% [####-----]  loss 0.1234  35210 tokens/s  1:23 left", cut to `width` columns.
// `seconds_left` is an upper bound: training may stop before its last epoch.
std::string progress_bar(const BatchProgress& progress,
                         std::optional<double> seconds_left,
                         int64_t width);

// "epoch 3/20  train loss 0.1234  dev loss 0.2345  dev accuracy 0.9123  35210 tokens/s  12.3 s".
// Ends in "  best" when the epoch's weights are kept and there is a development set.
std::string epoch_line(const EpochMetrics& metrics, int64_t epochs, bool best);

class Progress : public TrainingListener {
 public:
  // `terminal`: `out` is one, and shows the bar. The stream's failures are ignored: training is
  // worth more than its report.
  Progress(std::ostream& out, bool terminal, int64_t epochs);

  void on_batch(const BatchProgress& progress) override;
  void on_epoch(const EpochMetrics& metrics, bool best) override;

  // Takes the bar away, for other output.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::ostream& out_;
  bool terminal_;
  int64_t epochs_;
  bool bar_shown_ = false;
  Clock::time_point started_{};  // when the first batch was done, of those since the start
  int64_t first_batch_ = -1;     // its number, counted over all epochs
  Clock::time_point drawn_{};
};

}  // namespace masked_rnn

// The bar and the lines of a training.
#include <masked_rnn/models/train/progress.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace masked_rnn {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr int64_t kBarCells = 24;
constexpr int64_t kWidthUnknown = 80;

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, arguments...);
  return text;
}

std::string clock_time(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(seconds));
  const long long hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  return hours > 0 ? format("%lld:%02lld:%02lld", hours, minutes, rest)
                   : format("%lld:%02lld", minutes, rest);
}

std::string epoch_of(int64_t epoch, int64_t epochs) {
  return format("epoch %lld/%lld", static_cast<long long>(epoch), static_cast<long long>(epochs));
}

int64_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : kWidthUnknown;
}

}  // namespace

std::string progress_bar(const BatchProgress& progress,
                         std::optional<double> seconds_left,
                         int64_t width) {
  const double done =
      progress.batches == 0 ? 1.0 : static_cast<double>(progress.batch) / progress.batches;
  const auto cells = static_cast<int64_t>(done * kBarCells);
  std::string bar = epoch_of(progress.epoch, progress.epochs) + format("  %3.0f%% [", 100.0 * done);
  bar += std::string(cells, '#') + std::string(kBarCells - cells, '-') + "]";
  bar += format("  loss %.4f", progress.train_loss);
  if (progress.seconds > 0)
    bar += format("  %.0f tokens/s", progress.num_tokens / progress.seconds);
  if (seconds_left) bar += "  " + clock_time(*seconds_left) + " left";
  // The last column stays free: some terminals go to the next line when it is written.
  return bar.substr(0, std::max<int64_t>(width - 1, 0));
}

std::string epoch_line(const EpochMetrics& metrics, int64_t epochs, bool best) {
  std::string line = epoch_of(metrics.epoch, epochs);
  line += format("  train loss %.4f", metrics.train_loss);
  if (metrics.dev_loss) line += format("  dev loss %.4f", *metrics.dev_loss);
  if (metrics.dev_accuracy) line += format("  dev accuracy %.4f", *metrics.dev_accuracy);
  line += format("  %.0f tokens/s  %.1f s", metrics.tokens_per_second, metrics.seconds);
  if (best && metrics.dev_accuracy) line += "  best";
  return line;
}

Progress::Progress(std::ostream& out, bool terminal, int64_t epochs)
    : out_(out), terminal_(terminal), epochs_(epochs) {}

void Progress::on_batch(const BatchProgress& progress) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  const int64_t batch = (progress.epoch - 1) * progress.batches + progress.batch;
  if (first_batch_ < 0) {
    first_batch_ = batch;
    started_ = now;
  }
  if (bar_shown_ && now - drawn_ < kRedraw) return;
  std::optional<double> seconds_left;
  if (batch > first_batch_) {
    const double elapsed = std::chrono::duration<double>(now - started_).count();
    const int64_t batches_left = progress.epochs * progress.batches - batch;
    seconds_left = elapsed / static_cast<double>(batch - first_batch_) * batches_left;
  }
  out_ << "\r\x1b[K" << progress_bar(progress, seconds_left, terminal_width()) << std::flush;
  bar_shown_ = true;
  drawn_ = now;
}

void Progress::on_epoch(const EpochMetrics& metrics, bool best) {
  clear();
  out_ << epoch_line(metrics, epochs_, best) << std::endl;
}

void Progress::clear() {
  if (bar_shown_) out_ << "\r\x1b[K" << std::flush;
  bar_shown_ = false;
}

}  // namespace masked_rnn

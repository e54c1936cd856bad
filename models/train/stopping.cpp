// The stopping rules.
#include <c10/util/StringUtil.h>
#include <masked_rnn/models/train/stopping.h>

namespace masked_rnn {

std::string describe(StopReason reason, const TrainingOptions& options) {
  switch (reason) {
    case StopReason::kMinLoss:
      return options.min_loss == 0.0 ? "the training loss is 0"
                                     : c10::str("the training loss is at most ", options.min_loss);
    case StopReason::kEpochs:
      return c10::str("all ", options.epochs, " epochs are done");
    case StopReason::kPatience:
      return c10::str("nothing better on the development set in ", options.patience, " epochs");
    case StopReason::kNoLowerLoss:
      return "L-BFGS found no step that lowers the loss";
    case StopReason::kInterrupted:
      return "interrupted";
  }
  return {};
}

bool is_better(const EpochMetrics& candidate, const EpochMetrics& best) {
  if (!candidate.dev_accuracy || !best.dev_accuracy) return true;
  if (*candidate.dev_accuracy != *best.dev_accuracy) {
    return *candidate.dev_accuracy > *best.dev_accuracy;
  }
  return candidate.dev_loss < best.dev_loss;
}

int64_t best_epoch(const std::vector<EpochMetrics>& history) {
  size_t best = 0;
  for (size_t place = 1; place < history.size(); ++place) {
    if (is_better(history[place], history[best])) best = place;
  }
  return static_cast<int64_t>(best);
}

std::optional<StopReason> stop_reason(const std::vector<EpochMetrics>& history,
                                      const TrainingOptions& options) {
  if (history.empty()) return std::nullopt;
  if (history.back().train_loss <= options.min_loss) return StopReason::kMinLoss;
  const auto epochs = static_cast<int64_t>(history.size());
  if (epochs >= options.epochs) return StopReason::kEpochs;
  if (options.patience > 0 && epochs - 1 - best_epoch(history) >= options.patience) {
    return StopReason::kPatience;
  }
  return std::nullopt;
}

}  // namespace masked_rnn

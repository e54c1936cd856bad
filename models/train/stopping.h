// When training ends, and which epoch's weights are kept: functions of what was measured so far.
#pragma once

#include <masked_rnn/models/train/metrics.h>
#include <masked_rnn/models/train/options.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace masked_rnn {

enum class StopReason {
  kMinLoss,      // the training loss is zero or as small as asked
  kEpochs,       // the number of epochs is done
  kPatience,     // the development set has stopped improving
  kNoLowerLoss,  // L-BFGS found no step that lowers the loss; the last one was taken back
  kInterrupted,  // asked to stop by a signal or by the caller; can be resumed
};

// "the training loss is at most 0.01", ...
std::string describe(StopReason reason, const TrainingOptions& options);

// Whether `candidate` is better than `best`: more of the development set is right or, when just as
// much is, at a lower loss there. Without a development set later is better.
bool is_better(const EpochMetrics& candidate, const EpochMetrics& best);

// Place in `history`, which must not be empty, of the epoch whose weights are kept.
int64_t best_epoch(const std::vector<EpochMetrics>& history);

// Why training ends after the last epoch of `history`, if it does.
std::optional<StopReason> stop_reason(const std::vector<EpochMetrics>& history,
                                      const TrainingOptions& options);

}  // namespace masked_rnn

// Defaults of training, chosen on the development sets of English EWT (230 thousand steps), 2,400
// sentences with a sentiment (38 thousand), and samples of 5 thousand steps.
#include "train_defaults.h"

#include <algorithm>

namespace masked_rnn {
namespace {

// Large batches are faster, but an epoch on few data is then too few steps of the optimizer.
constexpr int64_t kBatchesPerEpoch = 50;
constexpr int64_t kLeastBatchTokens = 200;
constexpr int64_t kMostBatchTokens = 2000;

constexpr int64_t kStepsToRead = 2'000'000;  // in all epochs
constexpr int64_t kLeastEpochs = 10;
constexpr int64_t kMostEpochs = 30;

// L-BFGS: an epoch is one step, and batches are only what fits into the caches.
constexpr int64_t kLbfgsEpochs = 200;
constexpr int64_t kLbfgsBatchTokens = 8000;

}  // namespace

TrainDefaults train_defaults(Task task,
                             InputKind input,
                             OptimizerKind optimizer,
                             int64_t num_steps) {
  const bool label = task == Task::kLabel;
  TrainDefaults defaults{};
  defaults.hidden_size = label ? 200 : 100;
  defaults.character_hidden_size = label && input == InputKind::kEmbedding ? 50 : 0;
  defaults.dropout = label ? 0.3 : input == InputKind::kDense ? 0.2 : 0.5;
  defaults.word_dropout = label ? 0.25 : 0.0;
  defaults.batch_tokens =
      std::clamp(num_steps / kBatchesPerEpoch, kLeastBatchTokens, kMostBatchTokens);
  defaults.epochs =
      std::clamp(kStepsToRead / std::max<int64_t>(num_steps, 1), kLeastEpochs, kMostEpochs);
  if (optimizer == OptimizerKind::kLbfgs) {
    defaults.dropout = defaults.word_dropout = 0.0;
    defaults.batch_tokens = kLbfgsBatchTokens;
    defaults.epochs = kLbfgsEpochs;
  }
  return defaults;
}

}  // namespace masked_rnn

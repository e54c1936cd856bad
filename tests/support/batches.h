// Random batches for the tests of models.
#pragma once

#include <masked_rnn/models/batch.h>
#include <masked_rnn/models/options.h>

#include <vector>

namespace masked_rnn::test {

// The tensors of `batch` for a model of these options: random tokens (never <pad>) or features with
// zeros at padding, 5 distinct words of 0 to 4 bytes, and targets.
inline Batch random_batch(const ModelOptions& options, const std::vector<int64_t>& lengths) {
  Batch batch;
  const auto B = static_cast<int64_t>(lengths.size());
  batch.lengths = torch::tensor(lengths, torch::kLong);
  const int64_t T = B > 0 ? batch.lengths.max().item<int64_t>() : 0;
  const torch::Tensor valid = at::arange(T).unsqueeze(1) < batch.lengths.unsqueeze(0);
  if (options.input == InputKind::kDense) {
    batch.features = at::randn({T, B, options.feature_size}) * valid.unsqueeze(2);
  } else {
    batch.tokens = at::randint(1, options.vocabulary_size, {T, B}, torch::kLong) * valid;
  }
  if (options.character_hidden_size > 0) {
    batch.character_lengths = torch::arange(5);  // the first word has no bytes
    const torch::Tensor filled = at::arange(4).unsqueeze(1) < batch.character_lengths.unsqueeze(0);
    batch.characters = at::randint(1, 256, {4, 5}, torch::kLong) * filled;
    batch.words = at::randint(5, {T, B}, torch::kLong) * valid;
  }
  if (options.task == Task::kClassify) {
    batch.targets = at::randint(options.num_labels, {B}, torch::kLong);
  } else {
    batch.targets = at::randint(options.num_labels, {T, B}, torch::kLong)
                        .masked_fill(valid.logical_not(), Batch::kIgnoreIndex);
  }
  return batch;
}

}  // namespace masked_rnn::test

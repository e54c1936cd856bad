// A trained model applied to a data set: predicted labels, and how many of them are right.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <functional>
#include <optional>
#include <vector>

namespace masked_rnn {

// One entry for classification, one per token for labelling.
struct Prediction {
  std::vector<int64_t> labels;
  std::vector<double> probabilities;  // of those labels
};

struct Evaluation {
  double loss = 0.0;  // nats per target whose label the model knows
  int64_t correct = 0;
  int64_t total = 0;       // targets; a label that the model does not know counts as not predicted
  int64_t num_tokens = 0;  // valid steps
  double accuracy() const { return total == 0 ? 0.0 : static_cast<double>(correct) / total; }
};

// In batches of at most `batch_tokens` steps, in evaluation mode and without gradients; the model's
// mode is what it was afterwards. vocabulary is nullptr exactly for dense input. Empty if `stop`,
// asked between batches, returned true.
std::optional<std::vector<Prediction>> predict(SequenceModel& model,
                                               const DataSet& data,
                                               const Vocabulary* vocabulary,
                                               const LabelSet& labels,
                                               int64_t batch_tokens,
                                               const std::function<bool()>& stop = {});

// Every example must have its labels.
std::optional<Evaluation> evaluate(SequenceModel& model,
                                   const DataSet& data,
                                   const Vocabulary* vocabulary,
                                   const LabelSet& labels,
                                   int64_t batch_tokens,
                                   const std::function<bool()>& stop = {});

}  // namespace masked_rnn

// Batches through a model that is not trained.
#include <ATen/ops/softmax.h>
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/text/batches.h>

namespace masked_rnn {
namespace {

// Evaluation mode while it lives.
class EvaluationMode {
 public:
  explicit EvaluationMode(SequenceModel& model)
      : model_(model), was_training_(model.is_training()) {
    model_.eval();
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;
  ~EvaluationMode() { model_.train(was_training_); }

 private:
  SequenceModel& model_;
  bool was_training_;
  torch::NoGradGuard no_grad_;
};

// Calls take(batch, logits) for every batch; false if stopped.
template <typename Take>
bool for_each_batch(SequenceModel& model,
                    const DataSet& data,
                    const Vocabulary* vocabulary,
                    const LabelSet& labels,
                    int64_t batch_tokens,
                    const std::function<bool()>& stop,
                    const Take& take) {
  const EvaluationMode mode(model);
  const ModelOptions& options = model.options();
  std::vector<int64_t> lengths;
  for (const Example& example : data.examples) lengths.push_back(sequence_length(example));
  for (const auto& examples : plan_batches(lengths, {batch_tokens, 0, /*shuffle=*/false}, 0)) {
    if (stop && stop()) return false;
    const Batch batch = make_batch(
        data, examples, vocabulary, labels, options.task, options.character_hidden_size > 0);
    take(batch, model.forward(batch));
  }
  return true;
}

// The steps of one sequence that carry labels: its words, after <sos>.
torch::Tensor steps_of_words(const torch::Tensor& of_all, int64_t b, size_t words) {
  return of_all.select(1, b).narrow(0, 1, static_cast<int64_t>(words));
}

template <typename Value>
std::vector<Value> to_vector(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.contiguous();
  const Value* data = values.const_data_ptr<Value>();
  return {data, data + values.numel()};
}

}  // namespace

std::optional<std::vector<Prediction>> predict(SequenceModel& model,
                                               const DataSet& data,
                                               const Vocabulary* vocabulary,
                                               const LabelSet& labels,
                                               int64_t batch_tokens,
                                               const std::function<bool()>& stop) {
  const bool classify = model.options().task == Task::kClassify;
  std::vector<Prediction> predictions(data.examples.size());
  const auto take = [&](const Batch& batch, const torch::Tensor& logits) {
    const auto [probabilities, indices] = at::softmax(logits, -1, torch::kDouble).max(-1);
    for (int64_t b = 0; b < batch.num_sequences(); ++b) {
      const int64_t example = batch.examples[b];
      const size_t words = data.examples[example].tokens.size();
      const auto of_sequence = [&](const torch::Tensor& tensor) {
        return classify ? tensor.narrow(0, b, 1) : steps_of_words(tensor, b, words);
      };
      predictions[example] = {to_vector<int64_t>(of_sequence(indices)),
                              to_vector<double>(of_sequence(probabilities))};
    }
  };
  if (!for_each_batch(model, data, vocabulary, labels, batch_tokens, stop, take)) {
    return std::nullopt;
  }
  return predictions;
}

std::optional<Evaluation> evaluate(SequenceModel& model,
                                   const DataSet& data,
                                   const Vocabulary* vocabulary,
                                   const LabelSet& labels,
                                   int64_t batch_tokens,
                                   const std::function<bool()>& stop) {
  Evaluation evaluation;
  double sum = 0.0;
  int64_t known = 0;
  const auto take = [&](const Batch& batch, const torch::Tensor& logits) {
    const LossSum loss = cross_entropy(logits, batch.targets);
    sum += loss.sum.item<double>();
    known += loss.count;
    // No label has the index that stands for none, so such a target is never right.
    evaluation.correct += (logits.argmax(-1) == batch.targets).sum().item<int64_t>();
    evaluation.num_tokens += batch.lengths.sum().item<int64_t>();
    for (const int64_t example : batch.examples) {
      evaluation.total += static_cast<int64_t>(data.examples[example].labels.size());
    }
  };
  if (!for_each_batch(model, data, vocabulary, labels, batch_tokens, stop, take)) {
    return std::nullopt;
  }
  evaluation.loss = known == 0 ? 0.0 : sum / static_cast<double>(known);
  return evaluation;
}

}  // namespace masked_rnn

// What trainers and programs see of a model: logits for a batch and the loss of the logits.
#pragma once

#include <masked_rnn/models/batch.h>
#include <masked_rnn/models/encoder.h>
#include <masked_rnn/models/options.h>
#include <torch/nn/module.h>

#include <memory>

namespace masked_rnn {

// Base of SequenceClassifierImpl and SequenceLabellerImpl; registers the encoder.
class SequenceModel : public torch::nn::Module {
 public:
  // Throws c10::Error as check(options) does.
  explicit SequenceModel(const ModelOptions& options);

  // Scores before the softmax: [B, num_labels] or [T, B, num_labels].
  virtual torch::Tensor forward(const Batch& batch) = 0;

  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override;

  const ModelOptions& options() const { return options_; }
  EncoderImpl& encoder() { return *encoder_; }
  const EncoderImpl& encoder() const { return *encoder_; }

 private:
  ModelOptions options_;
  Encoder encoder_{nullptr};
};

// A SequenceClassifier or SequenceLabeller with random weights, by options.task.
std::shared_ptr<SequenceModel> make_model(const ModelOptions& options);

// Cross-entropy in nats summed over every target that is not ignored, and their number: the loss is
// the quotient, over one batch or over a whole data set.
//   logits [B, K] or [T, B, K], targets [B] or [T, B]
struct LossSum {
  torch::Tensor sum;  // scalar, differentiable
  int64_t count;      // targets that counted
};
LossSum cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace masked_rnn

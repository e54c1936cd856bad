// One label for a whole sequence.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

namespace masked_rnn {

// Encoder -> state after the last valid step, masked mean or masked max -> dropout -> linear.
class SequenceClassifierImpl : public SequenceModel {
 public:
  explicit SequenceClassifierImpl(const ModelOptions& options);

  // Scores before the softmax, [B, num_labels].
  torch::Tensor forward(const Batch& batch) override;

 private:
  torch::nn::Dropout dropout_{nullptr};
  torch::nn::Linear linear_{nullptr};
};

TORCH_MODULE(SequenceClassifier);

}  // namespace masked_rnn

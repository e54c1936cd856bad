// One label for every step of a sequence.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

namespace masked_rnn {

// Encoder -> dropout -> linear at every step.
class SequenceLabellerImpl : public SequenceModel {
 public:
  explicit SequenceLabellerImpl(const ModelOptions& options);

  // Scores before the softmax, [T, B, num_labels]; those of padding mean nothing.
  torch::Tensor forward(const Batch& batch) override;

 private:
  torch::nn::Dropout dropout_{nullptr};
  torch::nn::Linear linear_{nullptr};
};

TORCH_MODULE(SequenceLabeller);

}  // namespace masked_rnn

// From a batch to the states of the recurrent layers at every step: what all models share.
#pragma once

#include <masked_rnn/models/batch.h>
#include <masked_rnn/models/nn/recurrent.h>
#include <masked_rnn/models/options.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>

#include <vector>

namespace masked_rnn {

struct EncoderOutput {
  torch::Tensor output;  // [T, B, F], 0 at padding
  torch::Tensor h_n;     // [L*D, B, F/D]
};

// Input (embedding, one-hot or dense; beside the embedding, optionally, what a bidirectional layer
// reads in the bytes of each distinct word) -> dropout -> recurrent layers.
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const ModelOptions& options);

  // Throws c10::Error that names the field of the batch that does not suit the model.
  EncoderOutput forward(const Batch& batch);

  // Dense input is standardised before the layers: (x - feature_mean) * feature_scale, buffers of
  // the model. This sets them so that the given series [T, I] have mean 0 and deviation 1 in each
  // feature. Until then the input is taken as it is.
  void fit_features(const std::vector<torch::Tensor>& series);

  int64_t num_directions() const { return layers_->num_directions(); }
  int64_t output_size() const { return layers_->output_size(); }  // F

  // The input of the recurrent layers, [T, B, I] or indices [T, B].
  torch::Tensor embed(const Batch& batch);

 private:
  torch::Tensor word_features(const Batch& batch);

  ModelOptions options_;
  torch::nn::Embedding embedding_{nullptr};
  torch::nn::Embedding character_embedding_{nullptr};
  Recurrent character_layers_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
  Recurrent layers_{nullptr};
  torch::Tensor feature_mean_;   // [I]
  torch::Tensor feature_scale_;  // [I]
};

TORCH_MODULE(Encoder);

}  // namespace masked_rnn

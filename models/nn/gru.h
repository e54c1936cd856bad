// torch::nn::GRU with the lengths or mask of the batch: no padding is computed or read.
#pragma once

#include <torch/nn/modules/rnn.h>

#include <memory>
#include <optional>
#include <tuple>

namespace masked_rnn {

// Options, parameters, initialisation and archives are those of torch::nn::GRU, so weights go both
// ways; only the arithmetic differs: masked_rnn::gru.
class GRUImpl : public torch::nn::GRUImpl {
 public:
  GRUImpl(int64_t input_size, int64_t hidden_size);
  explicit GRUImpl(const torch::nn::GRUOptions& options);

  // Arguments as masked_rnn::LSTM's, with hx = h_0 [L*D, B, H]; undefined tensors are absent.
  // Returns output in input's layout, 0 at padding, and h_n.
  std::tuple<torch::Tensor, torch::Tensor> forward(const torch::Tensor& input,
                                                   torch::Tensor hx = {},
                                                   torch::Tensor lengths = {},
                                                   torch::Tensor mask = {});

  // torch::nn::GRU's results on a packed batch, to rounding.
  std::tuple<torch::nn::utils::rnn::PackedSequence, torch::Tensor> forward_with_packed_input(
      const torch::nn::utils::rnn::PackedSequence& packed_input, torch::Tensor hx = {});

  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override;

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(torch::Tensor())},
                           {2, torch::nn::AnyValue(torch::Tensor())},
                           {3, torch::nn::AnyValue(torch::Tensor())})

 private:
  std::tuple<torch::Tensor, torch::Tensor> run(const torch::Tensor& input,
                                               const torch::Tensor& hx,
                                               bool batch_first,
                                               const torch::Tensor& lengths,
                                               const torch::Tensor& mask);
};

TORCH_MODULE(GRU);

}  // namespace masked_rnn

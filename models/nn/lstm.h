// torch::nn::LSTM with the lengths or mask of the batch: no padding is computed or read.
#pragma once

#include <torch/nn/modules/rnn.h>

#include <memory>
#include <optional>
#include <tuple>

namespace masked_rnn {

// Options, parameters, initialisation and archives are those of torch::nn::LSTM, so weights go both
// ways; only the arithmetic differs: masked_rnn::lstm.
class LSTMImpl : public torch::nn::LSTMImpl {
 public:
  using States = std::tuple<torch::Tensor, torch::Tensor>;  // h_0 and c_0, or h_n and c_n

  LSTMImpl(int64_t input_size, int64_t hidden_size);
  explicit LSTMImpl(const torch::nn::LSTMOptions& options);

  // Arguments as torch::nn::LSTM's, and lengths or mask as masked_rnn::lstm's (undefined: every
  // step is valid):
  //   input    [T, B, I], [B, T, I] if batch_first, [T, I] unbatched; or integers without the last
  //            dimension, the indices of one-hot vectors
  //   hx       h_0 [L*D, B, H or P] and c_0 [L*D, B, H] (unbatched: without B); zeros if absent
  //   lengths  [B], any integer type, 0..T
  //   mask     bool, input's layout without I
  // Returns output in input's layout, 0 at padding, and (h_n, c_n).
  std::tuple<torch::Tensor, States> forward(const torch::Tensor& input,
                                            std::optional<States> hx = {},
                                            torch::Tensor lengths = {},
                                            torch::Tensor mask = {});

  // torch::nn::LSTM's results on a packed batch, to rounding.
  std::tuple<torch::nn::utils::rnn::PackedSequence, States> forward_with_packed_input(
      const torch::nn::utils::rnn::PackedSequence& packed_input, std::optional<States> hx = {});

  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override;

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(std::optional<States>())},
                           {2, torch::nn::AnyValue(torch::Tensor())},
                           {3, torch::nn::AnyValue(torch::Tensor())})

 private:
  std::tuple<torch::Tensor, States> run(const torch::Tensor& input,
                                        const std::optional<States>& hx,
                                        bool batch_first,
                                        const torch::Tensor& lengths,
                                        const torch::Tensor& mask);
};

TORCH_MODULE(LSTM);

}  // namespace masked_rnn

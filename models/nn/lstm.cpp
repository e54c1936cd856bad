// The LSTM layer: torch::nn::LSTM's parameters, masked_rnn::lstm's arithmetic.
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/optional_tensor.h>
#include <masked_rnn/models/nn/packed.h>
#include <masked_rnn/models/nn/parameters.h>
#include <masked_rnn/ops/lstm.h>

#include <utility>
#include <vector>

namespace masked_rnn {

using torch::Tensor;

LSTMImpl::LSTMImpl(int64_t input_size, int64_t hidden_size)
    : LSTMImpl(torch::nn::LSTMOptions(input_size, hidden_size)) {}

LSTMImpl::LSTMImpl(const torch::nn::LSTMOptions& options) : torch::nn::LSTMImpl(options) {}

std::tuple<Tensor, LSTMImpl::States> LSTMImpl::forward(const Tensor& input,
                                                       std::optional<States> hx,
                                                       Tensor lengths,
                                                       Tensor mask) {
  return run(input, hx, options.batch_first(), lengths, mask);
}

std::tuple<torch::nn::utils::rnn::PackedSequence, LSTMImpl::States>
LSTMImpl::forward_with_packed_input(const torch::nn::utils::rnn::PackedSequence& packed_input,
                                    std::optional<States> hx) {
  const UnpackedBatch batch = unpack(packed_input);
  if (hx) {
    const Tensor& order = packed_input.sorted_indices();
    auto& [h_0, c_0] = *hx;
    hx = States(permute_state(h_0, order), permute_state(c_0, order));
  }
  auto [output, states] = run(batch.input, hx, /*batch_first=*/false, batch.lengths, {});
  auto& [h_n, c_n] = states;
  const Tensor& order = packed_input.unsorted_indices();
  return {pack_as(packed_input, batch, output),
          States(permute_state(h_n, order), permute_state(c_n, order))};
}

std::tuple<Tensor, LSTMImpl::States> LSTMImpl::run(const Tensor& input,
                                                   const std::optional<States>& hx,
                                                   bool batch_first,
                                                   const Tensor& lengths,
                                                   const Tensor& mask) {
  std::vector<Tensor> states;
  if (hx) states = {std::get<0>(*hx), std::get<1>(*hx)};
  auto [output, h_n, c_n] = lstm(input,
                                 states,
                                 flat_weights_,
                                 options.bias(),
                                 options.num_layers(),
                                 options.dropout(),
                                 is_training(),
                                 options.bidirectional(),
                                 batch_first,
                                 optional_tensor(lengths),
                                 optional_tensor(mask));
  return {output, States(h_n, c_n)};
}

std::shared_ptr<torch::nn::Module> LSTMImpl::clone(
    const std::optional<torch::Device>& device) const {
  auto copy = std::make_shared<LSTMImpl>(*this);
  copy->parameters_.clear();
  copy->reset();
  copy_parameters(*this, *copy, device);
  return copy;
}

}  // namespace masked_rnn

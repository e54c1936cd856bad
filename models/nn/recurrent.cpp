// Recurrent layers of the cell that an option names.
#include <masked_rnn/models/nn/recurrent.h>

namespace masked_rnn {
namespace {

// The options that torch::nn's LSTM, GRU and RNN have in common.
template <typename Options>
Options layer_options(const RecurrentOptions& options) {
  return Options(options.input_size, options.hidden_size)
      .num_layers(options.num_layers)
      .bidirectional(options.bidirectional)
      // Between layers: with one layer it would do nothing, and torch::nn warns of it.
      .dropout(options.num_layers > 1 ? options.dropout : 0.0);
}

}  // namespace

RecurrentImpl::RecurrentImpl(const RecurrentOptions& options) : options_(options) {
  switch (options.cell) {
    case Cell::kLstm:
      lstm_ = register_module(
          "rnn", LSTM(layer_options<torch::nn::LSTMOptions>(options).proj_size(options.proj_size)));
      break;
    case Cell::kGru:
      gru_ = register_module("rnn", GRU(layer_options<torch::nn::GRUOptions>(options)));
      break;
    case Cell::kRnnTanh:
      rnn_ = register_module(
          "rnn", RNN(layer_options<torch::nn::RNNOptions>(options).nonlinearity(torch::kTanh)));
      break;
    case Cell::kRnnRelu:
      rnn_ = register_module(
          "rnn", RNN(layer_options<torch::nn::RNNOptions>(options).nonlinearity(torch::kReLU)));
      break;
  }
}

std::tuple<torch::Tensor, torch::Tensor> RecurrentImpl::forward(const torch::Tensor& input,
                                                                const torch::Tensor& lengths) {
  if (lstm_) {
    auto [output, states] = lstm_->forward(input, {}, lengths);
    return {output, std::get<0>(states)};
  }
  return gru_ ? gru_->forward(input, {}, lengths) : rnn_->forward(input, {}, lengths);
}

int64_t RecurrentImpl::output_size() const {
  const int64_t size = options_.proj_size > 0 ? options_.proj_size : options_.hidden_size;
  return num_directions() * size;
}

}  // namespace masked_rnn

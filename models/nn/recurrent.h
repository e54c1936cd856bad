// Recurrent layers of the cell that an option names: the one place where models choose a cell.
#pragma once

#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/rnn.h>
#include <masked_rnn/models/options.h>
#include <torch/nn/module.h>

#include <tuple>

namespace masked_rnn {

struct RecurrentOptions {
  Cell cell = Cell::kLstm;
  int64_t input_size = 0;
  int64_t hidden_size = 0;
  int64_t proj_size = 0;  // LSTM only
  int64_t num_layers = 1;
  bool bidirectional = false;
  double dropout = 0.0;  // between layers
};

// Owns one of RNN, LSTM and GRU, registered as "rnn".
class RecurrentImpl : public torch::nn::Module {
 public:
  explicit RecurrentImpl(const RecurrentOptions& options);

  // input [T, B, I] or indices [T, B], lengths [B] -> output [T, B, F] and h_n [L*D, B, F/D].
  std::tuple<torch::Tensor, torch::Tensor> forward(const torch::Tensor& input,
                                                   const torch::Tensor& lengths);

  int64_t num_directions() const { return options_.bidirectional ? 2 : 1; }
  int64_t output_size() const;  // F

 private:
  RecurrentOptions options_;
  RNN rnn_{nullptr};  // the one that the cell names; the others stay empty
  LSTM lstm_{nullptr};
  GRU gru_{nullptr};
};

TORCH_MODULE(Recurrent);

}  // namespace masked_rnn

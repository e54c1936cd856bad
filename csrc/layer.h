// One recurrent layer in one direction, as every room below the operators passes it along.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

namespace masked_rnn {

enum class CellKind { kRnnTanh, kRnnRelu, kGru, kLstm };

constexpr int64_t num_gates(CellKind cell) {
  switch (cell) {
    case CellKind::kGru:
      return 3;
    case CellKind::kLstm:
      return 4;
    default:
      return 1;
  }
}

// The operator of one layer of such cells: masked_rnn::lstm_layer and its sisters.
constexpr const char* layer_name(CellKind cell) {
  switch (cell) {
    case CellKind::kGru:
      return "gru_layer";
    case CellKind::kLstm:
      return "lstm_layer";
    default:
      return "rnn_layer";
  }
}

// T time steps, B sequences, I inputs, H hidden units, P = H or the projection's size, G gates.
struct LayerArguments {
  CellKind cell;
  at::Tensor input;  // [T, B, I], or integers [T, B] standing for one-hot vectors
  at::Tensor h_0;    // [B, P]
  at::Tensor c_0;    // [B, H]; undefined unless LSTM
  // Weights that are multiplied may be narrower than all else, whose dtype the layer computes in.
  at::Tensor weight_ih;  // [G*H, I]
  at::Tensor weight_hh;  // [G*H, P]
  at::Tensor bias_ih;    // [G*H] or undefined
  at::Tensor bias_hh;    // [G*H] or undefined
  at::Tensor weight_hr;  // [P, H]; undefined without projection
  at::Tensor lengths;    // [B] integers or undefined
  at::Tensor mask;       // [T, B] bool or undefined
  bool reverse;
  bool bfloat16_products = false;  // products may round what they multiply to bfloat16

  at::ScalarType dtype() const { return h_0.scalar_type(); }
  int64_t steps() const { return input.size(0); }
  int64_t batch() const { return input.size(1); }
  int64_t input_size() const { return weight_ih.size(1); }
  int64_t hidden_size() const { return weight_ih.size(0) / num_gates(cell); }
  int64_t output_size() const { return weight_hh.size(1); }
  bool one_hot() const { return input.dim() == 2; }
  bool projected() const { return weight_hr.defined(); }
};

struct LayerResult {
  at::Tensor output;  // [T, B, P]; 0 where invalid
  at::Tensor h_n;     // [1, B, P]
  at::Tensor c_n;     // [1, B, H]; undefined unless LSTM
  at::Tensor saved;   // [T*B, saved_size]: what the backward needs, one row a valid token; or [0]
};

// The differentiable arguments, in the order of the operators' results and masks.
enum Wanted {
  kInput,
  kH0,
  kC0,
  kWeightIh,
  kWeightHh,
  kBiasIh,
  kBiasHh,
  kWeightHr,
  kNumWanted,
};
using WantedMask = std::array<bool, kNumWanted>;
using LayerGradients = std::array<at::Tensor, kNumWanted>;  // undefined where not wanted

struct OutputGradients {
  at::Tensor output;  // each undefined for zeros, else as in LayerResult
  at::Tensor h_n;
  at::Tensor c_n;
};

// The dtypes of layers that compute in float32, and whose results are rounded once.
constexpr bool is_narrow(at::ScalarType dtype) {
  return dtype == at::kBFloat16 || dtype == at::kHalf;
}

// The dtype of what a token keeps.
constexpr at::ScalarType saved_dtype(at::ScalarType dtype) {
  return is_narrow(dtype) ? at::kFloat : dtype;
}

// Values a valid token keeps for the backward: LSTM i, f, g, o, c; GRU r, z, n, W_hn h + b_hn; the
// vanilla RNN needs its output only.
constexpr int64_t saved_size(CellKind cell, int64_t hidden_size) {
  switch (cell) {
    case CellKind::kGru:
      return 4 * hidden_size;
    case CellKind::kLstm:
      return 5 * hidden_size;
    default:
      return 0;
  }
}

}  // namespace masked_rnn

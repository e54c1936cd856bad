// Layers × directions × dropout over the one-layer operators: written once for every cell.
#pragma once

#include <masked_rnn/csrc/layer.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace masked_rnn {

// The arguments of masked_rnn::lstm and its sisters; see lstm.h.
struct StackArguments {
  CellKind cell;
  const char* name;  // the operator's, for messages: "masked_rnn::lstm"
  at::Tensor input;
  std::vector<at::Tensor> hx;  // empty, {h_0} or {h_0, c_0}
  at::TensorList params;
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train;
  bool bidirectional;
  bool batch_first;
  at::Tensor lengths;
  at::Tensor mask;
};

struct StackResult {
  at::Tensor output;
  at::Tensor h_n;
  at::Tensor c_n;  // undefined unless LSTM
};

StackResult run_stack(StackArguments arguments);

// The cells without a cell state, with the argument list of their operators.
std::tuple<at::Tensor, at::Tensor> run_single_state_stack(CellKind cell,
                                                          const char* name,
                                                          const at::Tensor& input,
                                                          const std::optional<at::Tensor>& hx,
                                                          at::TensorList params,
                                                          bool has_biases,
                                                          int64_t num_layers,
                                                          double dropout,
                                                          bool train,
                                                          bool bidirectional,
                                                          bool batch_first,
                                                          const std::optional<at::Tensor>& lengths,
                                                          const std::optional<at::Tensor>& mask);

}  // namespace masked_rnn

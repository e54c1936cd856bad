// Turns one kernel for any cell into the operators' three signatures, and back: the only place that
// spells their argument lists in C++.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/ops/registration.h>
#include <torch/library.h>

#include <array>
#include <optional>
#include <string_view>
#include <tuple>

namespace masked_rnn {

using LayerForward = LayerResult(const LayerArguments&, bool save);
using LayerBackward = LayerGradients(const LayerArguments&,
                                     const at::Tensor& output,
                                     const at::Tensor& saved,
                                     const OutputGradients&,
                                     const WantedMask&);

using OptionalTensor = std::optional<at::Tensor>;

inline at::Tensor or_undefined(const OptionalTensor& tensor) {
  return tensor.value_or(at::Tensor());
}

inline OptionalTensor or_nullopt(const at::Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
}

// Operators return a tensor for every result: an empty one stands for a gradient not asked for.
at::Tensor or_empty(const at::Tensor& tensor, const at::Tensor& like);

inline CellKind rnn_cell(std::string_view nonlinearity) {
  TORCH_CHECK_VALUE(
      nonlinearity == "tanh" || nonlinearity == "relu",
      "masked_rnn::rnn_layer: expected `nonlinearity` to be 'tanh' or 'relu', but got '",
      nonlinearity,
      "'");
  return nonlinearity == "tanh" ? CellKind::kRnnTanh : CellKind::kRnnRelu;
}

using Tensors3 = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Tensors4 = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using Tensors6 = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using Tensors8 = std::tuple<at::Tensor,
                            at::Tensor,
                            at::Tensor,
                            at::Tensor,
                            at::Tensor,
                            at::Tensor,
                            at::Tensor,
                            at::Tensor>;

inline Tensors6 without_cell_state(const LayerGradients& g, const at::Tensor& like) {
  return {or_empty(g[kInput], like),
          or_empty(g[kH0], like),
          or_empty(g[kWeightIh], like),
          or_empty(g[kWeightHh], like),
          or_empty(g[kBiasIh], like),
          or_empty(g[kBiasHh], like)};
}

inline WantedMask without_cell_state(const std::array<bool, 6>& mask) {
  return {mask[0], mask[1], false, mask[2], mask[3], mask[4], mask[5], false};
}

template <LayerForward kernel>
Tensors4 lstm_layer(const at::Tensor& input,
                    const at::Tensor& h_0,
                    const at::Tensor& c_0,
                    const at::Tensor& weight_ih,
                    const at::Tensor& weight_hh,
                    const OptionalTensor& bias_ih,
                    const OptionalTensor& bias_hh,
                    const OptionalTensor& weight_hr,
                    const OptionalTensor& lengths,
                    const OptionalTensor& mask,
                    bool reverse,
                    bool save) {
  const auto y = kernel({CellKind::kLstm,
                         input,
                         h_0,
                         c_0,
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         or_undefined(weight_hr),
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        save);
  return {y.output, y.h_n, y.c_n, y.saved};
}

template <LayerBackward kernel>
Tensors8 lstm_layer_backward(const OptionalTensor& grad_output,
                             const OptionalTensor& grad_h_n,
                             const OptionalTensor& grad_c_n,
                             const at::Tensor& input,
                             const at::Tensor& h_0,
                             const at::Tensor& c_0,
                             const at::Tensor& weight_ih,
                             const at::Tensor& weight_hh,
                             const OptionalTensor& bias_ih,
                             const OptionalTensor& bias_hh,
                             const OptionalTensor& weight_hr,
                             const OptionalTensor& lengths,
                             const OptionalTensor& mask,
                             bool reverse,
                             const at::Tensor& output,
                             const at::Tensor& saved,
                             std::array<bool, 8> output_mask) {
  const auto g = kernel({CellKind::kLstm,
                         input,
                         h_0,
                         c_0,
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         or_undefined(weight_hr),
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        output,
                        saved,
                        {or_undefined(grad_output), or_undefined(grad_h_n), or_undefined(grad_c_n)},
                        output_mask);
  return {or_empty(g[kInput], weight_ih),
          or_empty(g[kH0], weight_ih),
          or_empty(g[kC0], weight_ih),
          or_empty(g[kWeightIh], weight_ih),
          or_empty(g[kWeightHh], weight_ih),
          or_empty(g[kBiasIh], weight_ih),
          or_empty(g[kBiasHh], weight_ih),
          or_empty(g[kWeightHr], weight_ih)};
}

template <LayerForward kernel>
Tensors3 gru_layer(const at::Tensor& input,
                   const at::Tensor& h_0,
                   const at::Tensor& weight_ih,
                   const at::Tensor& weight_hh,
                   const OptionalTensor& bias_ih,
                   const OptionalTensor& bias_hh,
                   const OptionalTensor& lengths,
                   const OptionalTensor& mask,
                   bool reverse,
                   bool save) {
  const auto y = kernel({CellKind::kGru,
                         input,
                         h_0,
                         {},
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         {},
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        save);
  return {y.output, y.h_n, y.saved};
}

template <LayerBackward kernel>
Tensors6 gru_layer_backward(const OptionalTensor& grad_output,
                            const OptionalTensor& grad_h_n,
                            const at::Tensor& input,
                            const at::Tensor& h_0,
                            const at::Tensor& weight_ih,
                            const at::Tensor& weight_hh,
                            const OptionalTensor& bias_ih,
                            const OptionalTensor& bias_hh,
                            const OptionalTensor& lengths,
                            const OptionalTensor& mask,
                            bool reverse,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            std::array<bool, 6> output_mask) {
  const auto g = kernel({CellKind::kGru,
                         input,
                         h_0,
                         {},
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         {},
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        output,
                        saved,
                        {or_undefined(grad_output), or_undefined(grad_h_n), {}},
                        without_cell_state(output_mask));
  return without_cell_state(g, weight_ih);
}

template <LayerForward kernel>
Tensors3 rnn_layer(const at::Tensor& input,
                   const at::Tensor& h_0,
                   const at::Tensor& weight_ih,
                   const at::Tensor& weight_hh,
                   const OptionalTensor& bias_ih,
                   const OptionalTensor& bias_hh,
                   std::string_view nonlinearity,
                   const OptionalTensor& lengths,
                   const OptionalTensor& mask,
                   bool reverse,
                   bool save) {
  const auto y = kernel({rnn_cell(nonlinearity),
                         input,
                         h_0,
                         {},
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         {},
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        save);
  return {y.output, y.h_n, y.saved};
}

template <LayerBackward kernel>
Tensors6 rnn_layer_backward(const OptionalTensor& grad_output,
                            const OptionalTensor& grad_h_n,
                            const at::Tensor& input,
                            const at::Tensor& h_0,
                            const at::Tensor& weight_ih,
                            const at::Tensor& weight_hh,
                            const OptionalTensor& bias_ih,
                            const OptionalTensor& bias_hh,
                            std::string_view nonlinearity,
                            const OptionalTensor& lengths,
                            const OptionalTensor& mask,
                            bool reverse,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            std::array<bool, 6> output_mask) {
  const auto g = kernel({rnn_cell(nonlinearity),
                         input,
                         h_0,
                         {},
                         weight_ih,
                         weight_hh,
                         or_undefined(bias_ih),
                         or_undefined(bias_hh),
                         {},
                         or_undefined(lengths),
                         or_undefined(mask),
                         reverse},
                        output,
                        saved,
                        {or_undefined(grad_output), or_undefined(grad_h_n), {}},
                        without_cell_state(output_mask));
  return without_cell_state(g, weight_ih);
}

// Registers one pair of kernels as the six operators of a dispatch key.
template <LayerForward forward, LayerBackward backward, class Library>
void register_layers(Library& library) {
  if (!may_register()) {
    return;
  }
  library.impl("lstm_layer", TORCH_FN((lstm_layer<forward>)));
  library.impl("gru_layer", TORCH_FN((gru_layer<forward>)));
  library.impl("rnn_layer", TORCH_FN((rnn_layer<forward>)));
  library.impl("lstm_layer_backward", TORCH_FN((lstm_layer_backward<backward>)));
  library.impl("gru_layer_backward", TORCH_FN((gru_layer_backward<backward>)));
  library.impl("rnn_layer_backward", TORCH_FN((rnn_layer_backward<backward>)));
}

}  // namespace masked_rnn

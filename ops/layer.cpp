// Schemas of the one-layer operators and the calls to them.
#include <ATen/ops/empty.h>
#include <masked_rnn/csrc/recycled.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/operator_handle.h>
#include <masked_rnn/ops/registration.h>
#include <torch/library.h>

namespace masked_rnn {

// Never defined: they only name the types of the functions below.
LayerForward forward_type;
LayerBackward backward_type;

namespace {

using LstmForward = decltype(lstm_layer<forward_type>);
using LstmBackward = decltype(lstm_layer_backward<backward_type>);
using GruForward = decltype(gru_layer<forward_type>);
using GruBackward = decltype(gru_layer_backward<backward_type>);
using RnnForward = decltype(rnn_layer<forward_type>);
using RnnBackward = decltype(rnn_layer_backward<backward_type>);

std::string_view nonlinearity(CellKind cell) {
  return cell == CellKind::kRnnRelu ? "relu" : "tanh";
}

LayerGradients with_cell_state(const Tensors6& g) {
  return {std::get<0>(g),
          std::get<1>(g),
          {},
          std::get<2>(g),
          std::get<3>(g),
          std::get<4>(g),
          std::get<5>(g),
          {}};
}

}  // namespace

at::Tensor or_empty(const at::Tensor& tensor, const at::Tensor& like) {
  if (tensor.defined()) {
    return tensor;
  }
  // Of a tensor that is nothing but memory, without a call to the dispatcher.
  constexpr auto plain = c10::DispatchKeySet({c10::DispatchKey::CPU,
                                              c10::DispatchKey::AutogradCPU,
                                              c10::DispatchKey::ADInplaceOrView,
                                              c10::DispatchKey::AutocastCPU});
  return (like.key_set() | plain) == plain ? recycled_empty({0}, like.scalar_type())
                                           : at::empty({0}, like.options());
}

LayerResult call_layer(const LayerArguments& a, bool save) {
  const auto bias_ih = or_nullopt(a.bias_ih), bias_hh = or_nullopt(a.bias_hh);
  const auto lengths = or_nullopt(a.lengths), mask = or_nullopt(a.mask);
  if (a.cell == CellKind::kLstm) {
    static const auto op = operator_handle<LstmForward>("masked_rnn::lstm_layer");
    auto [output, h_n, c_n, saved] = op.call(a.input,
                                             a.h_0,
                                             a.c_0,
                                             a.weight_ih,
                                             a.weight_hh,
                                             bias_ih,
                                             bias_hh,
                                             or_nullopt(a.weight_hr),
                                             lengths,
                                             mask,
                                             a.reverse,
                                             save);
    return {output, h_n, c_n, saved};
  }
  if (a.cell == CellKind::kGru) {
    static const auto op = operator_handle<GruForward>("masked_rnn::gru_layer");
    auto [output, h_n, saved] = op.call(
        a.input, a.h_0, a.weight_ih, a.weight_hh, bias_ih, bias_hh, lengths, mask, a.reverse, save);
    return {output, h_n, {}, saved};
  }
  static const auto op = operator_handle<RnnForward>("masked_rnn::rnn_layer");
  auto [output, h_n, saved] = op.call(a.input,
                                      a.h_0,
                                      a.weight_ih,
                                      a.weight_hh,
                                      bias_ih,
                                      bias_hh,
                                      nonlinearity(a.cell),
                                      lengths,
                                      mask,
                                      a.reverse,
                                      save);
  return {output, h_n, {}, saved};
}

LayerGradients call_layer_backward(const LayerArguments& a,
                                   const at::Tensor& output,
                                   const at::Tensor& saved,
                                   const OutputGradients& grads,
                                   const WantedMask& wanted) {
  const auto bias_ih = or_nullopt(a.bias_ih), bias_hh = or_nullopt(a.bias_hh);
  const auto lengths = or_nullopt(a.lengths), mask = or_nullopt(a.mask);
  const auto grad_output = or_nullopt(grads.output), grad_h_n = or_nullopt(grads.h_n);
  const std::array<bool, 6> stateless{wanted[kInput],
                                      wanted[kH0],
                                      wanted[kWeightIh],
                                      wanted[kWeightHh],
                                      wanted[kBiasIh],
                                      wanted[kBiasHh]};
  LayerGradients result;
  if (a.cell == CellKind::kLstm) {
    static const auto op = operator_handle<LstmBackward>("masked_rnn::lstm_layer_backward");
    const auto g = op.call(grad_output,
                           grad_h_n,
                           or_nullopt(grads.c_n),
                           a.input,
                           a.h_0,
                           a.c_0,
                           a.weight_ih,
                           a.weight_hh,
                           bias_ih,
                           bias_hh,
                           or_nullopt(a.weight_hr),
                           lengths,
                           mask,
                           a.reverse,
                           output,
                           saved,
                           wanted);
    result = std::apply([](const auto&... t) { return LayerGradients{t...}; }, g);
  } else if (a.cell == CellKind::kGru) {
    static const auto op = operator_handle<GruBackward>("masked_rnn::gru_layer_backward");
    result = with_cell_state(op.call(grad_output,
                                     grad_h_n,
                                     a.input,
                                     a.h_0,
                                     a.weight_ih,
                                     a.weight_hh,
                                     bias_ih,
                                     bias_hh,
                                     lengths,
                                     mask,
                                     a.reverse,
                                     output,
                                     saved,
                                     stateless));
  } else {
    static const auto op = operator_handle<RnnBackward>("masked_rnn::rnn_layer_backward");
    result = with_cell_state(op.call(grad_output,
                                     grad_h_n,
                                     a.input,
                                     a.h_0,
                                     a.weight_ih,
                                     a.weight_hh,
                                     bias_ih,
                                     bias_hh,
                                     nonlinearity(a.cell),
                                     lengths,
                                     mask,
                                     a.reverse,
                                     output,
                                     saved,
                                     stateless));
  }
  for (int i = 0; i < kNumWanted; ++i) {
    if (!wanted[i]) {
      result[i] = at::Tensor();
    }
  }
  return result;
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def(
      "lstm_layer(Tensor input, Tensor h_0, Tensor c_0, Tensor weight_ih, Tensor weight_hh, "
      "Tensor? bias_ih=None, Tensor? bias_hh=None, Tensor? weight_hr=None, Tensor? lengths=None, "
      "Tensor? mask=None, bool reverse=False, bool save=False) "
      "-> (Tensor output, Tensor h_n, Tensor c_n, Tensor saved)");
  m.def(
      "lstm_layer_backward(Tensor? grad_output, Tensor? grad_h_n, Tensor? grad_c_n, Tensor input, "
      "Tensor h_0, Tensor c_0, Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, "
      "Tensor? bias_hh, Tensor? weight_hr, Tensor? lengths, Tensor? mask, bool reverse, "
      "Tensor output, Tensor saved, bool[8] output_mask) "
      "-> (Tensor grad_input, Tensor grad_h_0, Tensor grad_c_0, Tensor grad_weight_ih, "
      "Tensor grad_weight_hh, Tensor grad_bias_ih, Tensor grad_bias_hh, Tensor grad_weight_hr)");
  m.def(
      "gru_layer(Tensor input, Tensor h_0, Tensor weight_ih, Tensor weight_hh, "
      "Tensor? bias_ih=None, Tensor? bias_hh=None, Tensor? lengths=None, Tensor? mask=None, "
      "bool reverse=False, bool save=False) -> (Tensor output, Tensor h_n, Tensor saved)");
  m.def(
      "gru_layer_backward(Tensor? grad_output, Tensor? grad_h_n, Tensor input, Tensor h_0, "
      "Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, Tensor? bias_hh, Tensor? lengths, "
      "Tensor? mask, bool reverse, Tensor output, Tensor saved, bool[6] output_mask) "
      "-> (Tensor grad_input, Tensor grad_h_0, Tensor grad_weight_ih, Tensor grad_weight_hh, "
      "Tensor grad_bias_ih, Tensor grad_bias_hh)");
  m.def(
      "rnn_layer(Tensor input, Tensor h_0, Tensor weight_ih, Tensor weight_hh, "
      "Tensor? bias_ih=None, Tensor? bias_hh=None, str nonlinearity='tanh', Tensor? lengths=None, "
      "Tensor? mask=None, bool reverse=False, bool save=False) "
      "-> (Tensor output, Tensor h_n, Tensor saved)");
  m.def(
      "rnn_layer_backward(Tensor? grad_output, Tensor? grad_h_n, Tensor input, Tensor h_0, "
      "Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, Tensor? bias_hh, str nonlinearity, "
      "Tensor? lengths, Tensor? mask, bool reverse, Tensor output, Tensor saved, "
      "bool[6] output_mask) "
      "-> (Tensor grad_input, Tensor grad_h_0, Tensor grad_weight_ih, Tensor grad_weight_hh, "
      "Tensor grad_bias_ih, Tensor grad_bias_hh)");
}

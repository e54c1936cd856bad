// See bidirectional.h: schemas, calls, and what is composed of layers.
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/bidirectional.h>
#include <masked_rnn/ops/bidirectional_adapters.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/operator_handle.h>
#include <masked_rnn/ops/registration.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

using Forward = decltype(bidirectional_layer<compose_bidirectional>);
using Backward = decltype(bidirectional_layer_backward<compose_bidirectional_backward>);

constexpr int64_t kFeatures = 2;  // of [T, B, features]

std::string_view name_of(CellKind cell) {
  switch (cell) {
    case CellKind::kLstm:
      return "lstm";
    case CellKind::kGru:
      return "gru";
    case CellKind::kRnnRelu:
      return "rnn_relu";
    default:
      return "rnn_tanh";
  }
}

CellKind cell_of(std::string_view name) {
  for (const auto cell :
       {CellKind::kLstm, CellKind::kGru, CellKind::kRnnTanh, CellKind::kRnnRelu}) {
    if (name == name_of(cell)) {
      return cell;
    }
  }
  TORCH_CHECK_VALUE(false,
                    "masked_rnn::bidirectional_layer: expected `cell` to be 'lstm', 'gru', "
                    "'rnn_tanh' or 'rnn_relu', but got '",
                    name,
                    "'");
}

std::vector<at::Tensor> states_of(const Directions& directions) {
  std::vector<at::Tensor> hx;
  hx.reserve(4);
  for (const auto& a : directions) {
    hx.push_back(a.h_0);
    if (a.cell == CellKind::kLstm) {
      hx.push_back(a.c_0);
    }
  }
  return hx;
}

std::vector<at::Tensor> params_of(const Directions& directions) {
  std::vector<at::Tensor> params;
  params.reserve(10);
  for (const auto& a : directions) {
    for (const auto* tensor : {&a.weight_ih, &a.weight_hh, &a.bias_ih, &a.bias_hh, &a.weight_hr}) {
      if (tensor->defined()) {
        params.push_back(*tensor);
      }
    }
  }
  return params;
}

// The gradients that are asked for, in the order of the operator's list: visit(direction, place). That
// of the input is one for both.
template <class Visit>
void for_each_wanted(const BidirectionalMask& wanted, const Visit& visit) {
  for (size_t i = 0; i < 2; ++i) {
    for (int place = i == 0 ? 0 : kInput + 1; place < kNumWanted; ++place) {
      if (wanted[i][place]) {
        visit(i, place);
      }
    }
  }
}

// Direction `i` of what is defined.
at::Tensor half(const at::Tensor& joint, int64_t i, const c10::SymInt& size) {
  return joint.defined() ? joint.narrow_symint(kFeatures, size * i, size) : joint;
}
at::Tensor of_direction(const at::Tensor& joint, int64_t i) {
  return joint.defined() ? joint.narrow(0, i, 1) : joint;
}

}  // namespace

Directions directions_of(std::string_view cell,
                         const at::Tensor& input,
                         at::TensorList hx,
                         at::TensorList params,
                         const OptionalTensor& lengths,
                         const OptionalTensor& mask) {
  const auto kind = cell_of(cell);
  const bool lstm = kind == CellKind::kLstm;
  const size_t states = lstm ? 2 : 1, each = params.size() / 2;
  TORCH_CHECK_VALUE(hx.size() == 2 * states,
                    "masked_rnn::bidirectional_layer: expected `hx` to hold ",
                    lstm ? "h_0 and c_0" : "h_0",
                    " for each direction, but got ",
                    hx.size(),
                    " tensors");
  const bool biases = each >= 4, projected = each % 2 == 1;
  TORCH_CHECK_VALUE(
      params.size() % 2 == 0 && each >= 2 && each <= 5 && (lstm || !projected),
      "masked_rnn::bidirectional_layer: expected `params` to hold weight_ih and weight_hh, with "
      "biases bias_ih and bias_hh, with a projection weight_hr, for each direction, but got ",
      params.size(),
      " tensors");
  Directions directions;
  for (size_t i = 0; i < 2; ++i) {
    const auto own = params.slice(i * each, each);
    directions[i] = {kind,
                     input,
                     hx[i * states],
                     lstm ? hx[i * states + 1] : at::Tensor(),
                     own[0],
                     own[1],
                     biases ? own[2] : at::Tensor(),
                     biases ? own[3] : at::Tensor(),
                     projected ? own.back() : at::Tensor(),
                     or_undefined(lengths),
                     or_undefined(mask),
                     /*reverse=*/i == 1};
  }
  return directions;
}

std::vector<at::Tensor> listed(const BidirectionalGradients& gradients,
                               const Directions& directions,
                               const BidirectionalMask& wanted) {
  std::vector<at::Tensor> list;
  for_each_wanted(wanted, [&](size_t i, int place) {
    list.push_back(or_empty(gradients[i][place], directions[i].weight_ih));
  });
  return list;
}

LayerResult call_bidirectional(const Directions& directions, bool save) {
  static const auto op = operator_handle<Forward>("masked_rnn::bidirectional_layer");
  const auto& a = directions[0];
  auto [output, h_n, c_n, saved] = op.call(name_of(a.cell),
                                           a.input,
                                           states_of(directions),
                                           params_of(directions),
                                           or_nullopt(a.lengths),
                                           or_nullopt(a.mask),
                                           save);
  return {output, h_n, a.cell == CellKind::kLstm ? c_n : at::Tensor(), saved};
}

BidirectionalGradients call_bidirectional_backward(const Directions& directions,
                                                   const at::Tensor& output,
                                                   const at::Tensor& saved,
                                                   const OutputGradients& grads,
                                                   const BidirectionalMask& wanted) {
  static const auto op = operator_handle<Backward>("masked_rnn::bidirectional_layer_backward");
  const auto& a = directions[0];
  const auto list = op.call(name_of(a.cell),
                            or_nullopt(grads.output),
                            or_nullopt(grads.h_n),
                            or_nullopt(grads.c_n),
                            a.input,
                            states_of(directions),
                            params_of(directions),
                            or_nullopt(a.lengths),
                            or_nullopt(a.mask),
                            output,
                            saved,
                            wanted[0],
                            wanted[1]);
  BidirectionalGradients result;
  size_t next = 0;
  for_each_wanted(wanted, [&](size_t i, int place) { result[i][place] = list[next++]; });
  return result;
}

LayerResult compose_bidirectional(const Directions& directions, bool save) {
  const auto forward = call_layer(directions[0], save), reverse = call_layer(directions[1], save);
  const auto both = [](const at::Tensor& one, const at::Tensor& other) {
    return one.defined() ? at::cat({one, other}) : one;
  };
  return {at::cat({forward.output, reverse.output}, kFeatures),
          both(forward.h_n, reverse.h_n),
          both(forward.c_n, reverse.c_n),
          save ? at::stack({forward.saved, reverse.saved}) : forward.saved};
}

BidirectionalGradients compose_bidirectional_backward(const Directions& directions,
                                                      const at::Tensor& output,
                                                      const at::Tensor& saved,
                                                      const OutputGradients& grads,
                                                      const BidirectionalMask& wanted) {
  const auto P = directions[0].weight_hh.sym_size(1);
  BidirectionalGradients result;
  for (size_t i = 0; i < 2; ++i) {
    const auto direction = static_cast<int64_t>(i);
    result[i] = call_layer_backward(directions[i],
                                    half(output, direction, P),
                                    saved.select(0, direction),
                                    {half(grads.output, direction, P),
                                     of_direction(grads.h_n, direction),
                                     of_direction(grads.c_n, direction)},
                                    wanted[i]);
  }
  if (wanted[0][kInput]) {
    result[0][kInput] = result[0][kInput].add(result[1][kInput]);
    result[1][kInput] = at::Tensor();
  }
  return result;
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def(
      "bidirectional_layer(str cell, Tensor input, Tensor[] hx, Tensor[] params, "
      "Tensor? lengths=None, Tensor? mask=None, bool save=False) "
      "-> (Tensor output, Tensor h_n, Tensor c_n, Tensor saved)");
  m.def(
      "bidirectional_layer_backward(str cell, Tensor? grad_output, Tensor? grad_h_n, "
      "Tensor? grad_c_n, Tensor input, Tensor[] hx, Tensor[] params, Tensor? lengths, "
      "Tensor? mask, Tensor output, Tensor saved, bool[8] output_mask, "
      "bool[8] output_mask_reverse) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  masked_rnn::register_bidirectional<masked_rnn::compose_bidirectional,
                                     masked_rnn::compose_bidirectional_backward>(m);
}

// (Of torch.autograd.grad with is_grads_batched, whose own way around a missing kernel knows no lists.)
TORCH_LIBRARY_IMPL(masked_rnn, Batched, m) {
  masked_rnn::register_bidirectional<masked_rnn::compose_bidirectional,
                                     masked_rnn::compose_bidirectional_backward>(m);
}

TORCH_LIBRARY_IMPL(masked_rnn, FuncTorchBatched, m) {
  masked_rnn::register_bidirectional<masked_rnn::compose_bidirectional,
                                     masked_rnn::compose_bidirectional_backward>(m);
}

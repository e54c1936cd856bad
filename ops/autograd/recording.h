// What the autograd formulas of layers ask of their arguments, and how they begin a node.
#pragma once

#include <ATen/functorch/DynamicLayer.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/autograd/formula_node.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/transforms.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>

namespace masked_rnn {

inline bool any_tangent(const LayerArguments& a) {
  const auto tensors = reference::differentiable(a);
  return std::any_of(
      tensors.begin(), tensors.end(), [](const auto* tensor) { return has_tangent(*tensor); });
}

inline bool any_tangent(const OutputGradients& grads) {
  return has_tangent(grads.output) || has_tangent(grads.h_n) || has_tangent(grads.c_n);
}

inline bool is_recorded(const at::Tensor& tensor) {
  return tensor.defined() && tensor.requires_grad();
}

// Of a range of pointers to tensors.
template <class Tensors>
bool any_recorded(const Tensors& tensors) {
  return std::any_of(
      tensors.begin(), tensors.end(), [](const auto* tensor) { return is_recorded(*tensor); });
}

template <class Tensors>
torch::autograd::edge_list edges_of(const Tensors& tensors) {
  torch::autograd::edge_list edges;
  edges.reserve(tensors.size());
  for (const auto* tensor : tensors) {
    edges.push_back(tensor->defined() ? torch::autograd::impl::gradient_edge(*tensor)
                                      : torch::autograd::Edge());
  }
  return edges;
}

// Makes the results those of the node, which saves what its backward reads of them. The caller gets what
// the call asked for; the rows of padding in y.saved hold no values.
inline void record_results(const c10::intrusive_ptr<FormulaNode>& node,
                           CellKind cell,
                           bool save,
                           LayerResult& y) {
  torch::autograd::set_history(y.output, node);
  torch::autograd::set_history(y.h_n, node);
  if (cell == CellKind::kLstm) {
    torch::autograd::set_history(y.c_n, node);
  }
  node->save_output(y.output);
  node->save_input(y.saved);
  if (!save) {
    y.saved = or_empty({}, y.output);
  }
}

// The gradients that come into such a node.
inline OutputGradients gradients_of_results(const torch::autograd::variable_list& grads,
                                            CellKind cell) {
  return {grads[0], grads[1], cell == CellKind::kLstm ? grads[2] : at::Tensor()};
}

}  // namespace masked_rnn

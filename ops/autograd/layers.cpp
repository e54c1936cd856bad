// The autograd formulas: what the nodes save, calling the backward operators, and the double backward,
// which differentiates the reference.
#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/TensorWrapper.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/autograd/formula_node.h>
#include <masked_rnn/ops/autograd/recording.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/reference/layers.h>
#include <masked_rnn/ops/transforms.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <vector>

namespace masked_rnn {
namespace {

using torch::autograd::set_history;
using torch::autograd::variable_list;

// Whether a transform of torch.func is jvp, which differentiates ATen's own operations only.
bool under_jvp() {
  if (!under_functorch()) {
    return false;
  }
  const auto& transforms = at::functorch::getDynamicLayerStack();
  return std::any_of(transforms.begin(), transforms.end(), [](const auto& transform) {
    return transform.key() == at::functorch::TransformType::Jvp;
  });
}

// What a node saves of a layer: first its differentiable tensors, as Wanted counts them, then these.
enum Saved { kLengths = kNumWanted, kMask, kMore };

void save_layer(FormulaNode& node, const LayerArguments& a) {
  for (const auto* tensor : reference::differentiable(a)) {
    node.save_input(*tensor);
  }
  node.save_input(a.lengths);
  node.save_input(a.mask);
}

// What it keeps besides tensors, as one number: the cell, the direction, and the gradients that a backward
// computed.
int64_t constant_of(const LayerArguments& a, const WantedMask& wanted) {
  int64_t constant = static_cast<int64_t>(a.cell) * 2 + (a.reverse ? 1 : 0);
  for (const bool w : wanted) {
    constant = constant * 2 + (w ? 1 : 0);
  }
  return constant;
}

LayerArguments saved_layer(const variable_list& t, int64_t constant) {
  const int64_t rest = constant >> kNumWanted;
  return {static_cast<CellKind>(rest / 2),
          t[kInput],
          t[kH0],
          t[kC0],
          t[kWeightIh],
          t[kWeightHh],
          t[kBiasIh],
          t[kBiasHh],
          t[kWeightHr],
          t[kLengths],
          t[kMask],
          rest % 2 != 0};
}

WantedMask saved_wanted(int64_t constant) {
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = ((constant >> (kNumWanted - 1 - i)) & 1) != 0;
  }
  return wanted;
}

// The gradients that a backward takes, then the differentiable tensors of its layer.
template <class Gradients, class Arguments>
auto differentiable(Gradients& grads, Arguments& a) {
  std::array<decltype(&grads.output), 3 + kNumWanted> tensors{
      &grads.output, &grads.h_n, &grads.c_n};
  const auto of_layer = reference::differentiable(a);
  std::copy(of_layer.begin(), of_layer.end(), tensors.begin() + 3);
  return tensors;
}

variable_list gradients_of_backward(const variable_list& grad_grads,
                                    const variable_list& saved,
                                    int64_t constant,
                                    NeedsInputGrad needs_input_grad) {
  auto a = saved_layer(saved, constant);
  const auto wanted = saved_wanted(constant);
  OutputGradients grads{saved[kMore], saved[kMore + 1], saved[kMore + 2]};
  const bool differentiable_again = at::GradMode::is_enabled();
  at::AutoGradMode enable(true);
  const auto tensors = differentiable(grads, a);
  variable_list inputs;
  std::vector<size_t> places;
  for (size_t i = 0; i < tensors.size(); ++i) {
    auto& tensor = *tensors[i];
    if (!is_recorded(tensor)) {
      continue;
    }
    // A transform that this node belonged to may be over.
    while (at::functorch::isDeadTensorWrapper(tensor)) {
      tensor = at::functorch::unwrapIfDead(tensor);
    }
    tensor = differentiable_again && tensor.requires_grad() ? tensor.view_as(tensor)
                                                            : tensor.detach().requires_grad_(true);
    if (needs_input_grad[i]) {
      inputs.push_back(tensor);
      places.push_back(i);
    }
  }
  const auto first = reference::backward(a, grads, wanted);
  variable_list outputs, grad_outputs;
  for (int i = 0; i < kNumWanted; ++i) {
    if (is_recorded(first[i]) && grad_grads[i].defined()) {
      outputs.push_back(first[i]);
      grad_outputs.push_back(grad_grads[i]);
    }
  }
  variable_list result(tensors.size());
  if (!outputs.empty() && !inputs.empty()) {
    const auto second = torch::autograd::grad(
        outputs, inputs, grad_outputs, std::nullopt, differentiable_again, true);
    for (size_t k = 0; k < places.size(); ++k) {
      result[places[k]] = second[k];
    }
  }
  return result;
}

LayerGradients autograd_backward(const LayerArguments& a,
                                 const at::Tensor& output,
                                 const at::Tensor& saved,
                                 const OutputGradients& grads,
                                 const WantedMask& wanted) {
  static constexpr Formula kFormula{
      "MaskedRnnLayerBackwardBackward0", gradients_of_backward, /*only_operators=*/false};
  check_presence_backward(a, output, saved);
  TORCH_CHECK_NOT_IMPLEMENTED(
      !any_tangent(a) && !any_tangent(grads),
      "masked_rnn::",
      layer_name(a.cell),
      "_backward: expected forward-mode differentiation to begin before the layer runs, but it "
      "began between the layer and its backward: call the layer inside of torch.func.jvp");
  const auto below = [&](const at::Tensor& output) {
    at::AutoDispatchBelowADInplaceOrView guard;
    return call_layer_backward(a, output, saved, grads, wanted);
  };
  const auto tensors = differentiable(grads, a);
  if (!at::GradMode::is_enabled() || !any_recorded(tensors)) {
    return below(output);
  }
  auto result = below(output.detach());
  const auto node = c10::make_intrusive<FormulaNode>(
      kFormula, edges_of(tensors), constant_of(a, wanted), kMore + 3);
  save_layer(*node, a);
  node->save_input(grads.output);
  node->save_input(grads.h_n);
  node->save_input(grads.c_n);
  for (const auto& gradient : result) {
    set_history(gradient, node);
  }
  return result;
}

variable_list gradients_of_forward(const variable_list& grads,
                                   const variable_list& saved,
                                   int64_t constant,
                                   NeedsInputGrad needs_input_grad) {
  const auto a = saved_layer(saved, constant);
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = needs_input_grad[i];
  }
  const auto of_outputs = gradients_of_results(grads, a.cell);
  // Whatever comes before autograd has seen this call as the layer's, but for the transforms.
  const auto backward = under_functorch() ? call_layer_backward : autograd_backward;
  const auto g = backward(a, saved[kMore], saved[kMore + 1], of_outputs, wanted);
  return {g.begin(), g.end()};
}

LayerResult autograd_forward(const LayerArguments& a, bool save) {
  static constexpr Formula kFormula{
      "MaskedRnnLayerBackward0", gradients_of_forward, /*only_operators=*/true};
  check_presence(a);
  if (under_jvp() || any_tangent(a)) {
    return reference_forward(a, save);
  }
  const auto below = [&](bool save) {
    at::AutoDispatchBelowADInplaceOrView guard;
    return call_layer(a, save);
  };
  const auto tensors = reference::differentiable(a);
  if (!at::GradMode::is_enabled() || !any_recorded(tensors)) {
    return below(save);
  }
  auto y = below(/*save=*/true);
  const auto node =
      c10::make_intrusive<FormulaNode>(kFormula, edges_of(tensors), constant_of(a, {}), kMore + 2);
  save_layer(*node, a);
  record_results(node, a.cell, save, y);
  return y;
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  masked_rnn::register_layers<masked_rnn::autograd_forward, masked_rnn::autograd_backward>(m);
}

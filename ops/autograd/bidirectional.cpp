// The autograd formula of both directions of a layer. Second derivatives, forward mode and the transforms
// of torch.func go through the operators of one layer.
#include <ATen/core/grad_mode.h>
#include <masked_rnn/ops/autograd/formula_node.h>
#include <masked_rnn/ops/autograd/recording.h>
#include <masked_rnn/ops/bidirectional_adapters.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include <array>

namespace masked_rnn {
namespace {

using torch::autograd::variable_list;

constexpr int kOfReverse = kNumWanted - 1;  // all but the input

// The input, then the other tensors of the first direction, then those of the reverse; after them, what
// else a node saves.
enum SavedOfBoth {
  kLengthsOfBoth = kNumWanted + kOfReverse,
  kMaskOfBoth,
  kOutputOfBoth,
  kRowsOfBoth,
  kNumSavedOfBoth
};

template <class Pair>
auto differentiable(Pair& directions) {
  const auto forward = reference::differentiable(directions[0]);
  const auto reverse = reference::differentiable(directions[1]);
  std::array<decltype(&directions[0].input), kLengthsOfBoth> tensors;
  std::copy(forward.begin(), forward.end(), tensors.begin());
  std::copy(reverse.begin() + kInput + 1, reverse.end(), tensors.begin() + kNumWanted);
  return tensors;
}

Directions saved_directions(const variable_list& saved, CellKind cell) {
  Directions directions;
  const auto tensors = differentiable(directions);
  for (size_t i = 0; i < tensors.size(); ++i) {
    *tensors[i] = saved[i];
  }
  for (size_t i = 0; i < directions.size(); ++i) {
    auto& a = directions[i];
    a.cell = cell;
    a.input = saved[kInput];
    a.lengths = saved[kLengthsOfBoth];
    a.mask = saved[kMaskOfBoth];
    a.reverse = i == 1;
  }
  return directions;
}

BidirectionalGradients autograd_directions_backward(const Directions& directions,
                                                    const at::Tensor& output,
                                                    const at::Tensor& saved,
                                                    const OutputGradients& grads,
                                                    const BidirectionalMask& wanted) {
  if (at::GradMode::is_enabled() || under_functorch() || any_tangent(directions[0]) ||
      any_tangent(directions[1]) || any_tangent(grads)) {
    return compose_bidirectional_backward(directions, output, saved, grads, wanted);
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_bidirectional_backward(directions, output, saved, grads, wanted);
}

variable_list gradients_of_directions(const variable_list& grads,
                                      const variable_list& saved,
                                      int64_t cell,
                                      NeedsInputGrad needs_input_grad) {
  const auto directions = saved_directions(saved, static_cast<CellKind>(cell));
  BidirectionalMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[0][i] = needs_input_grad[i];
    wanted[1][i] = needs_input_grad[i == kInput ? kInput : kNumWanted - 1 + i];
  }
  const auto of_outputs = gradients_of_results(grads, directions[0].cell);
  const auto g = autograd_directions_backward(
      directions, saved[kOutputOfBoth], saved[kRowsOfBoth], of_outputs, wanted);
  variable_list result(g[0].begin(), g[0].end());
  result.insert(result.end(), g[1].begin() + kInput + 1, g[1].end());
  return result;
}

LayerResult autograd_directions(const Directions& directions, bool save) {
  static constexpr Formula kFormula{
      "MaskedRnnBidirectionalLayerBackward0", gradients_of_directions, /*only_operators=*/true};
  check_presence(directions[0]);
  check_presence(directions[1]);
  if (under_functorch() || any_tangent(directions[0]) || any_tangent(directions[1])) {
    return compose_bidirectional(directions, save);
  }
  const auto below = [&](bool save) {
    at::AutoDispatchBelowADInplaceOrView guard;
    return call_bidirectional(directions, save);
  };
  const auto tensors = differentiable(directions);
  if (!at::GradMode::is_enabled() || !any_recorded(tensors)) {
    return below(save);
  }
  auto y = below(/*save=*/true);
  const auto& a = directions[0];
  const auto node = c10::make_intrusive<FormulaNode>(
      kFormula, edges_of(tensors), static_cast<int64_t>(a.cell), kNumSavedOfBoth);
  for (const auto* tensor : tensors) {
    node->save_input(*tensor);
  }
  node->save_input(a.lengths);
  node->save_input(a.mask);
  record_results(node, a.cell, save, y);
  return y;
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  masked_rnn::register_bidirectional<masked_rnn::autograd_directions,
                                     masked_rnn::autograd_directions_backward>(m);
}

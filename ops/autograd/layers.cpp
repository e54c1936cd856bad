// The autograd formulas: saving, calling the backward operators, and the double backward, which
// differentiates the reference.
#include <ATen/FuncTorchTLS.h>
#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/reference/layers.h>
#include <masked_rnn/ops/transforms.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace masked_rnn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The tensors of a layer in the order in which both functions below take and save them.
enum Position { kLengths = kNumWanted, kMask, kOutput, kSaved, kNumPositions };

// The entry for what a node saves besides tensors: the cell, the direction and what is wanted.
const std::string kRest = "rest";

WantedMask requires_grad(const LayerArguments& a) {
  const auto tensors = reference::differentiable(a);
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = tensors[i]->defined() && tensors[i]->requires_grad();
  }
  return wanted;
}

bool any_tangent(const LayerArguments& a) {
  const auto tensors = reference::differentiable(a);
  return std::any_of(
      tensors.begin(), tensors.end(), [](const auto* tensor) { return has_tangent(*tensor); });
}

// Whether a transform of torch.func is jvp, which differentiates ATen's own operations only.
bool under_jvp() {
  const auto& transforms = at::functorch::getDynamicLayerStack();
  return std::any_of(transforms.begin(), transforms.end(), [](const auto& transform) {
    return transform.key() == at::functorch::TransformType::Jvp;
  });
}

// Function refuses to make a node under a transform. Its reason does not hold for those below: they
// belong to the innermost transform, as PyTorch's own nodes do, and what they call goes through the
// dispatcher, which hands it to the next one. So the transforms are out of sight from here until the
// node's forward begins.
class HiddenTransforms {
 public:
  HiddenTransforms() {
    if (under_functorch()) {
      hidden_ = std::move(at::functorch::functorchTLSAccessor());
    }
  }
  ~HiddenTransforms() { show(); }
  HiddenTransforms(const HiddenTransforms&) = delete;
  HiddenTransforms& operator=(const HiddenTransforms&) = delete;
  void show() {
    if (hidden_ != nullptr) {
      at::functorch::functorchTLSAccessor() = std::move(hidden_);
    }
  }

 private:
  std::unique_ptr<at::functorch::FuncTorchTLSBase> hidden_;
};

// For calls from a node's forward, where gradients are off: transforms further out record theirs.
class BelowNode {
  at::AutoDispatchBelowADInplaceOrView below_;
  at::AutoGradMode grad_mode_{under_functorch() || at::GradMode::is_enabled()};
};

bool any(const WantedMask& wanted) {
  for (const bool w : wanted) {
    if (w) {
      return true;
    }
  }
  return false;
}

void save_layer(AutogradContext* ctx,
                const LayerArguments& a,
                const WantedMask& wanted,
                variable_list more) {
  variable_list tensors{a.input,
                        a.h_0,
                        a.c_0,
                        a.weight_ih,
                        a.weight_hh,
                        a.bias_ih,
                        a.bias_hh,
                        a.weight_hr,
                        a.lengths,
                        a.mask};
  tensors.insert(tensors.end(), more.begin(), more.end());
  ctx->save_for_backward(std::move(tensors));
  // One number: an entry is looked up by its name.
  int64_t rest = static_cast<int64_t>(a.cell) * 2 + (a.reverse ? 1 : 0);
  for (const bool w : wanted) {
    rest = rest * 2 + (w ? 1 : 0);
  }
  ctx->saved_data[kRest] = rest;
}

LayerArguments saved_layer(AutogradContext* ctx, const variable_list& t) {
  const int64_t rest = ctx->saved_data[kRest].toInt() >> kNumWanted;
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

WantedMask saved_wanted(AutogradContext* ctx) {
  const int64_t rest = ctx->saved_data[kRest].toInt();
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = ((rest >> (kNumWanted - 1 - i)) & 1) != 0;
  }
  return wanted;
}

class LayerBackwardFunction : public torch::autograd::Function<LayerBackwardFunction> {
 public:
  // The tensors are arguments of their own so that autograd sees them; `a` holds them too.
  static variable_list forward(AutogradContext* ctx,
                               HiddenTransforms* transforms,
                               const LayerArguments& a,
                               const WantedMask& wanted,
                               const at::Tensor& output,
                               const at::Tensor& saved,
                               const OptionalTensor& grad_output,
                               const OptionalTensor& grad_h_n,
                               const OptionalTensor& grad_c_n,
                               const at::Tensor& /*input*/,
                               const at::Tensor& /*h_0*/,
                               const OptionalTensor& /*c_0*/,
                               const at::Tensor& /*weight_ih*/,
                               const at::Tensor& /*weight_hh*/,
                               const OptionalTensor& /*bias_ih*/,
                               const OptionalTensor& /*bias_hh*/,
                               const OptionalTensor& /*weight_hr*/) {
    const OutputGradients grads{
        or_undefined(grad_output), or_undefined(grad_h_n), or_undefined(grad_c_n)};
    transforms->show();
    const BelowNode below;
    const auto result = call_layer_backward(a, output, saved, grads, wanted);
    save_layer(ctx, a, wanted, {grads.output, grads.h_n, grads.c_n});
    ctx->set_materialize_grads(false);
    variable_list outputs(kNumWanted);
    for (int i = 0; i < kNumWanted; ++i) {
      outputs[i] = or_empty(result[i], a.weight_ih);
    }
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_grads) {
    const auto saved = ctx->get_saved_variables();
    auto a = saved_layer(ctx, saved);
    const auto wanted = saved_wanted(ctx);
    OutputGradients grads{saved[kLengths + 2], saved[kLengths + 3], saved[kLengths + 4]};

    const bool differentiable_again = at::GradMode::is_enabled();
    at::AutoGradMode enable(true);
    // In the order of forward's tensor arguments.
    std::vector<at::Tensor*> tensors{&grads.output, &grads.h_n, &grads.c_n};
    for (auto* tensor : reference::differentiable(a)) {
      tensors.push_back(tensor);
    }
    variable_list inputs;
    std::vector<size_t> places;
    for (size_t i = 0; i < tensors.size(); ++i) {
      auto& tensor = *tensors[i];
      if (!tensor.defined() || !tensor.requires_grad()) {
        continue;
      }
      // A transform that this node belonged to may be over.
      while (at::functorch::isDeadTensorWrapper(tensor)) {
        tensor = at::functorch::unwrapIfDead(tensor);
      }
      tensor = differentiable_again && tensor.requires_grad()
                   ? tensor.view_as(tensor)
                   : tensor.detach().requires_grad_(true);
      inputs.push_back(tensor);
      places.push_back(i);
    }
    const auto first = reference::backward(a, grads, wanted);
    variable_list outputs, grad_outputs;
    for (int i = 0; i < kNumWanted; ++i) {
      if (first[i].defined() && first[i].requires_grad() && grad_grads[i].defined()) {
        outputs.push_back(first[i]);
        grad_outputs.push_back(grad_grads[i]);
      }
    }
    variable_list result(5 + tensors.size());
    if (!outputs.empty() && !inputs.empty()) {
      const auto second = torch::autograd::grad(
          outputs, inputs, grad_outputs, std::nullopt, differentiable_again, true);
      for (size_t k = 0; k < places.size(); ++k) {
        result[5 + places[k]] = second[k];
      }
    }
    return result;
  }
};

LayerGradients autograd_backward(const LayerArguments& a,
                                 const at::Tensor& output,
                                 const at::Tensor& saved,
                                 const OutputGradients& grads,
                                 const WantedMask& wanted) {
  check_presence_backward(a, output, saved);
  TORCH_CHECK_NOT_IMPLEMENTED(
      !any_tangent(a) && !has_tangent(grads.output) && !has_tangent(grads.h_n) &&
          !has_tangent(grads.c_n),
      "masked_rnn::",
      layer_name(a.cell),
      "_backward: expected forward-mode differentiation to begin before the layer runs, but it "
      "began between the layer and its backward: call the layer inside of torch.func.jvp");
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return call_layer_backward(a, output, saved, grads, wanted);
  }
  const auto detached = output.detach();
  HiddenTransforms transforms;
  const auto tensors = LayerBackwardFunction::apply(&transforms,
                                                    a,
                                                    wanted,
                                                    detached,
                                                    saved,
                                                    or_nullopt(grads.output),
                                                    or_nullopt(grads.h_n),
                                                    or_nullopt(grads.c_n),
                                                    a.input,
                                                    a.h_0,
                                                    or_nullopt(a.c_0),
                                                    a.weight_ih,
                                                    a.weight_hh,
                                                    or_nullopt(a.bias_ih),
                                                    or_nullopt(a.bias_hh),
                                                    or_nullopt(a.weight_hr));
  LayerGradients result;
  std::copy(tensors.begin(), tensors.end(), result.begin());
  return result;
}

class LayerFunction : public torch::autograd::Function<LayerFunction> {
 public:
  static variable_list forward(AutogradContext* ctx,
                               HiddenTransforms* transforms,
                               const LayerArguments& a,
                               const WantedMask& wanted,
                               bool save,
                               const at::Tensor& /*input*/,
                               const at::Tensor& /*h_0*/,
                               const OptionalTensor& /*c_0*/,
                               const at::Tensor& /*weight_ih*/,
                               const at::Tensor& /*weight_hh*/,
                               const OptionalTensor& /*bias_ih*/,
                               const OptionalTensor& /*bias_hh*/,
                               const OptionalTensor& /*weight_hr*/) {
    transforms->show();
    const BelowNode below;
    const auto y = call_layer(a, /*save=*/true);
    save_layer(ctx, a, wanted, {y.output, y.saved});
    // The caller gets what the call asked for; the rows of padding in y.saved hold no values.
    const auto saved = save ? y.saved : or_empty({}, y.output);
    ctx->mark_non_differentiable({saved});
    ctx->set_materialize_grads(false);
    if (a.cell == CellKind::kLstm) {
      return {y.output, y.h_n, saved, y.c_n};
    }
    return {y.output, y.h_n, saved};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto a = saved_layer(ctx, saved);
    const auto g = call_layer_backward(
        a,
        saved[kOutput],
        saved[kSaved],
        {grads[0], grads[1], a.cell == CellKind::kLstm ? grads[3] : at::Tensor()},
        saved_wanted(ctx));
    variable_list result(4);
    result.insert(result.end(), g.begin(), g.end());
    return result;
  }
};

LayerResult autograd_forward(const LayerArguments& a, bool save) {
  check_presence(a);
  if (under_jvp() || any_tangent(a)) {
    return reference_forward(a, save);
  }
  const auto wanted = requires_grad(a);
  if (!at::GradMode::is_enabled() || !any(wanted)) {
    at::AutoDispatchBelowADInplaceOrView below;
    return call_layer(a, save);
  }
  HiddenTransforms transforms;
  const auto y = LayerFunction::apply(&transforms,
                                      a,
                                      wanted,
                                      save,
                                      a.input,
                                      a.h_0,
                                      or_nullopt(a.c_0),
                                      a.weight_ih,
                                      a.weight_hh,
                                      or_nullopt(a.bias_ih),
                                      or_nullopt(a.bias_hh),
                                      or_nullopt(a.weight_hr));
  return {y[0], y[1], y.size() > 3 ? y[3] : at::Tensor(), y[2]};
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  masked_rnn::register_layers<masked_rnn::autograd_forward, masked_rnn::autograd_backward>(m);
}

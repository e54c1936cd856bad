// The autograd formulas: saving, calling the backward operators, and the double backward, which
// differentiates the reference.
#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/reference/layers.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The tensors of a layer in the order in which both functions below take and save them.
enum Position { kLengths = kNumWanted, kMask, kOutput, kSaved, kNumPositions };

WantedMask requires_grad(const LayerArguments& arguments) {
  LayerArguments a = arguments;
  const auto tensors = reference::differentiable(a);
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = tensors[i]->defined() && tensors[i]->requires_grad();
  }
  return wanted;
}

// Whether forward-mode differentiation is under way: without the node below, which refuses it, the
// tangents would be lost in silence.
bool has_tangent(const LayerArguments& arguments) {
  LayerArguments a = arguments;
  for (const auto* tensor : reference::differentiable(a)) {
    if (tensor->defined() && tensor->is_floating_point() &&
        tensor->_fw_grad(/*level=*/0).defined()) {
      return true;
    }
  }
  return false;
}

// Whether a transform of torch.func (grad, vmap, jvp, ...) is under way. These differentiate and batch
// ATen's own operations, and refuse nodes such as those below.
bool under_functorch() { return at::functorch::maybeCurrentDynamicLayer().has_value(); }

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
  ctx->saved_data["cell"] = static_cast<int64_t>(a.cell);
  ctx->saved_data["reverse"] = a.reverse;
  c10::List<bool> list;
  for (const bool w : wanted) {
    list.push_back(w);
  }
  ctx->saved_data["wanted"] = list;
}

LayerArguments saved_layer(AutogradContext* ctx, const variable_list& t) {
  return {static_cast<CellKind>(ctx->saved_data["cell"].toInt()),
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
          ctx->saved_data["reverse"].toBool()};
}

WantedMask saved_wanted(AutogradContext* ctx) {
  const auto list = ctx->saved_data["wanted"].toBoolList();
  WantedMask wanted{};
  for (int i = 0; i < kNumWanted; ++i) {
    wanted[i] = list.get(i);
  }
  return wanted;
}

class LayerBackwardFunction : public torch::autograd::Function<LayerBackwardFunction> {
 public:
  // The tensors are arguments of their own so that autograd sees them; `a` holds them too.
  static variable_list forward(AutogradContext* ctx,
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
    at::AutoDispatchBelowADInplaceOrView below;
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
      tensor = differentiable_again ? tensor.view_as(tensor) : tensor.detach().requires_grad_(true);
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
    variable_list result(4 + tensors.size());
    if (!outputs.empty() && !inputs.empty()) {
      const auto second = torch::autograd::grad(
          outputs, inputs, grad_outputs, std::nullopt, differentiable_again, true);
      for (size_t k = 0; k < places.size(); ++k) {
        result[4 + places[k]] = second[k];
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
  const auto tensors = LayerBackwardFunction::apply(a,
                                                    wanted,
                                                    output.detach(),
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
    at::AutoDispatchBelowADInplaceOrView below;
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
    variable_list result(3);
    result.insert(result.end(), g.begin(), g.end());
    return result;
  }
};

LayerResult autograd_forward(const LayerArguments& a, bool save) {
  check_presence(a);
  if (under_functorch()) {
    return reference_forward(a, save);
  }
  const auto wanted = requires_grad(a);
  const bool recording = (at::GradMode::is_enabled() && any(wanted)) || has_tangent(a);
  if (!recording) {
    at::AutoDispatchBelowADInplaceOrView below;
    return call_layer(a, save);
  }
  const auto y = LayerFunction::apply(a,
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

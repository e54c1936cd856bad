// See directions.h: schemas, calls and registrations.
#include <ATen/TensorSubclassLikeUtils.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <masked_rnn/ops/directions.h>
#include <masked_rnn/ops/operator_handle.h>
#include <masked_rnn/ops/registration.h>
#include <masked_rnn/ops/transforms.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace masked_rnn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kFeatures = 2;  // of [T, B, features]

at::Tensor make_joined(at::TensorList outputs) { return at::cat(outputs, kFeatures); }

at::Tensor make_sum(const at::Tensor& grad, const at::Tensor& other) { return grad.add(other); }

at::Tensor call_join(at::TensorList outputs) {
  static const auto op = operator_handle<decltype(make_joined)>("masked_rnn::join_directions");
  return op.call(outputs);
}

at::Tensor call_add(const at::Tensor& grad, const at::Tensor& other) {
  static const auto op = operator_handle<decltype(make_sum)>("masked_rnn::add_gradients");
  return op.call(grad, other);
}

class JoinFunction : public torch::autograd::Function<JoinFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, at::TensorList outputs) {
    std::vector<c10::SymInt> sizes;
    for (const auto& output : outputs) {
      sizes.push_back(output.sym_size(kFeatures));
    }
    ctx->saved_data["sizes"] = sizes;
    ctx->set_materialize_grads(false);
    at::AutoDispatchBelowADInplaceOrView below;
    return call_join(outputs);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto sizes = ctx->saved_data["sizes"].toSymIntVector();
    variable_list result(sizes.size());
    c10::SymInt begin = 0;
    for (size_t i = 0; grads[0].defined() && i < sizes.size(); ++i) {
      result[i] = grads[0].narrow_symint(kFeatures, begin, sizes[i]);
      begin += sizes[i];
    }
    return result;
  }
};

class SumFunction : public torch::autograd::Function<SumFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& grad, const at::Tensor& other) {
    ctx->set_materialize_grads(false);
    at::AutoDispatchBelowADInplaceOrView below;
    return call_add(grad, other);
  }

  static variable_list backward(AutogradContext* /*ctx*/, const variable_list& grads) {
    return {grads[0], grads[0]};
  }
};

class ShareFunction : public torch::autograd::Function<ShareFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& input) {
    ctx->set_materialize_grads(false);
    return {input, input};  // autograd makes views of them
  }

  static variable_list backward(AutogradContext* /*ctx*/, const variable_list& grads) {
    if (grads[0].defined() && grads[1].defined()) {
      return {call_add(grads[0], grads[1])};
    }
    return {grads[0].defined() ? grads[0] : grads[1]};
  }
};

// Transforms of torch.func and forward mode know what ATen's own operations are.
at::Tensor autograd_joined(at::TensorList outputs) {
  return under_functorch() || has_tangent(outputs) ? make_joined(outputs)
                                                   : JoinFunction::apply(outputs);
}

at::Tensor autograd_sum(const at::Tensor& grad, const at::Tensor& other) {
  return under_functorch() || has_tangent(grad) || has_tangent(other)
             ? make_sum(grad, other)
             : SumFunction::apply(grad, other);
}

// By torch.compile, torch.export and their like.
bool is_recorded(const at::Tensor& tensor) {
  return c10::impl::TorchDispatchModeTLS::any_modes_set() || at::isTensorSubclassLike(tensor);
}

}  // namespace

std::array<at::Tensor, 2> share_input(const at::Tensor& input) {
  if (!at::GradMode::is_enabled() || !input.requires_grad() || !is_recorded(input) ||
      under_functorch() || has_tangent(input)) {
    return {input, input};
  }
  const auto shared = ShareFunction::apply(input);
  return {shared[0], shared[1]};
}

at::Tensor join_directions(at::TensorList outputs) {
  return is_recorded(outputs[0]) ? call_join(outputs) : make_joined(outputs);
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def("join_directions(Tensor[] outputs) -> Tensor");
  m.def("add_gradients(Tensor grad, Tensor other) -> Tensor");
}

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("join_directions", TORCH_FN(masked_rnn::make_joined));
  m.impl("add_gradients", TORCH_FN(masked_rnn::make_sum));
}

TORCH_LIBRARY_IMPL(masked_rnn, FuncTorchBatched, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("join_directions", TORCH_FN(masked_rnn::make_joined));
  m.impl("add_gradients", TORCH_FN(masked_rnn::make_sum));
}

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("join_directions", TORCH_FN(masked_rnn::autograd_joined));
  m.impl("add_gradients", TORCH_FN(masked_rnn::autograd_sum));
}

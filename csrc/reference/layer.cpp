// The layer in plain differentiable ATen calls; see layer.h.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

namespace masked_rnn::reference {
namespace {

// [T, B] bool: which positions hold a token.
at::Tensor valid_positions(const LayerArguments& a) {
  if (a.mask.defined()) {
    return a.mask;
  }
  const auto options = a.input.options().dtype(at::kLong);
  if (a.lengths.defined()) {
    return at::arange(a.steps(), options).unsqueeze(1).lt(a.lengths.to(at::kLong).unsqueeze(0));
  }
  return at::ones({a.steps(), a.batch()}, a.input.options().dtype(at::kBool));
}

// [T, B, G*H]: W_ih x_t of every position; padding replaced before it is used, so that neither its
// value nor its gradient can pass.
at::Tensor project_input(const LayerArguments& a, const at::Tensor& valid) {
  if (a.one_hot()) {
    const auto index = a.input.to(at::kLong).masked_fill(valid.logical_not(), 0);
    if (a.input_size() == 0) {
      return at::zeros({a.steps(), a.batch(), a.weight_ih.size(0)}, a.weight_ih.options());
    }
    return at::embedding(a.weight_ih.t(), index);
  }
  return at::matmul(a.input.masked_fill(valid.logical_not().unsqueeze(2), 0), a.weight_ih.t());
}

struct State {
  at::Tensor h, c;
};

State step(const LayerArguments& a, const at::Tensor& from_input, const State& before) {
  auto x = a.bias_ih.defined() ? from_input + a.bias_ih : from_input;
  auto h = at::matmul(before.h, a.weight_hh.t());
  if (a.bias_hh.defined()) {
    h = h + a.bias_hh;
  }
  switch (a.cell) {
    case CellKind::kRnnTanh:
      return {at::tanh(x + h), {}};
    case CellKind::kRnnRelu:
      return {at::relu(x + h), {}};
    case CellKind::kGru: {
      const auto xs = x.chunk(3, 1), hs = h.chunk(3, 1);
      const auto r = at::sigmoid(xs[0] + hs[0]), z = at::sigmoid(xs[1] + hs[1]);
      const auto n = at::tanh(xs[2] + r * hs[2]);
      return {(1 - z) * n + z * before.h, {}};
    }
    case CellKind::kLstm: {
      const auto gates = (x + h).chunk(4, 1);
      const auto c = at::sigmoid(gates[1]) * before.c + at::sigmoid(gates[0]) * at::tanh(gates[2]);
      auto new_h = at::sigmoid(gates[3]) * at::tanh(c);
      if (a.projected()) {
        new_h = at::matmul(new_h, a.weight_hr.t());
      }
      return {new_h, c};
    }
  }
  return before;
}

// The layer with its floating-point tensors in float32.
LayerArguments in_float32(LayerArguments a) {
  for (auto* tensor : differentiable(a)) {
    if (tensor->defined() && tensor->is_floating_point()) {
      *tensor = tensor->to(at::kFloat);
    }
  }
  return a;
}

}  // namespace

LayerResult forward(const LayerArguments& a) {
  const auto dtype = a.weight_ih.scalar_type();
  if (is_narrow(dtype)) {
    const auto rounded = [dtype](const at::Tensor& tensor) {
      return tensor.defined() ? tensor.to(dtype) : tensor;
    };
    const auto wide = forward(in_float32(a));
    return {rounded(wide.output), rounded(wide.h_n), rounded(wide.c_n), {}};
  }
  const auto valid = valid_positions(a);
  const auto from_input = project_input(a, valid);
  State state{a.h_0, a.c_0};
  std::vector<at::Tensor> output(a.steps());
  for (int64_t s = 0; s < a.steps(); ++s) {
    const int64_t t = a.reverse ? a.steps() - 1 - s : s;
    const auto here = valid.select(0, t).unsqueeze(1);
    const auto next = step(a, from_input.select(0, t), state);
    output[t] = next.h.masked_fill(here.logical_not(), 0);
    state.h = at::where(here, next.h, state.h);
    if (next.c.defined()) {
      state.c = at::where(here, next.c, state.c);
    }
  }
  LayerResult result;
  result.output = output.empty() ? at::zeros({0, a.batch(), a.output_size()}, a.h_0.options())
                                 : at::stack(output);
  // Results of an operator are not views of its arguments.
  result.h_n = (state.h.is_same(a.h_0) ? state.h.clone() : state.h).unsqueeze(0);
  if (state.c.defined()) {
    result.c_n = (state.c.is_same(a.c_0) ? state.c.clone() : state.c).unsqueeze(0);
  }
  return result;
}

LayerGradients backward(const LayerArguments& arguments,
                        const OutputGradients& grads,
                        const WantedMask& wanted) {
  const bool differentiable_again = at::GradMode::is_enabled();
  at::AutoGradMode enable(true);
  // A kernel is called below autograd; here autograd has work to do again.
  auto keys = c10::impl::tls_local_dispatch_key_set();
  keys.excluded_ = keys.excluded_ - c10::autograd_dispatch_keyset_with_ADInplaceOrView;
  c10::impl::ForceDispatchKeyGuard with_autograd(keys);
  // Own aliases of the tensors, since one tensor may stand in several places; connected to the
  // caller's graph only when these gradients are to be differentiated.
  LayerArguments a = arguments;
  LayerGradients result;
  std::vector<at::Tensor> inputs, outputs, grad_outputs;
  const auto tensors = differentiable(a);
  for (int i = 0; i < kNumWanted; ++i) {
    if (!tensors[i]->defined() || !tensors[i]->is_floating_point()) {
      continue;
    }
    if (differentiable_again && tensors[i]->requires_grad()) {
      *tensors[i] = tensors[i]->view_as(*tensors[i]);
    } else {
      *tensors[i] = tensors[i]->detach();
      tensors[i]->requires_grad_(wanted[i]);
    }
    if (wanted[i]) {
      if (!tensors[i]->requires_grad()) {
        tensors[i]->requires_grad_(true);
      }
      inputs.push_back(*tensors[i]);
    }
  }
  const auto y = forward(a);
  const auto add = [&](const at::Tensor& output, const at::Tensor& grad) {
    if (output.defined() && grad.defined()) {
      outputs.push_back(output);
      grad_outputs.push_back(grad);
    }
  };
  add(y.output, grads.output);
  add(y.h_n, grads.h_n);
  add(y.c_n, grads.c_n);

  std::vector<at::Tensor> gradients(inputs.size());
  if (!inputs.empty() && !outputs.empty()) {
    gradients = torch::autograd::grad(
        outputs, inputs, grad_outputs, std::nullopt, differentiable_again, /*allow_unused=*/true);
  }
  for (size_t i = 0, k = 0; i < kNumWanted; ++i) {
    if (!wanted[i] || !tensors[i]->defined() || !tensors[i]->is_floating_point()) {
      continue;
    }
    result[i] = gradients[k].defined() ? gradients[k] : at::zeros_like(*tensors[i]);
    ++k;
  }
  return result;
}

}  // namespace masked_rnn::reference

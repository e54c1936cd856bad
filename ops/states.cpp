// See states.h: schemas, calls and registrations.
#include <ATen/ops/stack.h>
#include <ATen/ops/unbind.h>
#include <ATen/ops/zeros.h>
#include <masked_rnn/csrc/recycled.h>
#include <masked_rnn/ops/autograd/formula_node.h>
#include <masked_rnn/ops/operator_handle.h>
#include <masked_rnn/ops/registration.h>
#include <masked_rnn/ops/states.h>
#include <masked_rnn/ops/transforms.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include <cstring>
#include <utility>

namespace masked_rnn {
namespace {

at::Tensor make_zeros(const at::Tensor& weight, c10::SymInt batch, c10::SymInt size) {
  return at::zeros_symint({std::move(batch), std::move(size)}, weight.options());
}

// The same without a call to the dispatcher.
at::Tensor cpu_zeros(const at::Tensor& weight, int64_t batch, int64_t size) {
  const auto zeros = recycled_empty({batch, size}, weight.scalar_type());
  if (zeros.numel() > 0) {
    std::memset(zeros.mutable_data_ptr(), 0, zeros.nbytes());
  }
  return zeros;
}

at::Tensor make_stack(at::TensorList states) { return at::stack(states); }

torch::autograd::variable_list gradients_of_stack(const torch::autograd::variable_list& grads,
                                                  const torch::autograd::variable_list& /*saved*/,
                                                  int64_t count,
                                                  NeedsInputGrad /*needs_input_grad*/) {
  return grads[0].defined() ? at::unbind(grads[0]) : torch::autograd::variable_list(count);
}

// Transforms of torch.func and forward mode know what at::stack is.
at::Tensor autograd_stack(at::TensorList states) {
  static constexpr Formula kFormula{
      "MaskedRnnStackBackward0", gradients_of_stack, /*only_operators=*/true};
  if (under_functorch() || has_tangent(states)) {
    return make_stack(states);
  }
  const auto below = [&] {
    at::AutoDispatchBelowADInplaceOrView guard;
    return stack_states(states);
  };
  if (!torch::autograd::compute_requires_grad(states)) {
    return below();
  }
  const auto node = c10::make_intrusive<FormulaNode>(kFormula,
                                                     torch::autograd::collect_next_edges(states),
                                                     static_cast<int64_t>(states.size()),
                                                     /*num_saved=*/0);
  auto stacked = below();
  torch::autograd::set_history(stacked, node);
  return stacked;
}

}  // namespace

at::Tensor zero_state(const at::Tensor& weight, c10::SymInt batch, c10::SymInt size) {
  static const auto op = operator_handle<decltype(make_zeros)>("masked_rnn::zero_state");
  return op.call(weight, std::move(batch), std::move(size));
}

at::Tensor stack_states(at::TensorList states) {
  static const auto op = operator_handle<decltype(make_stack)>("masked_rnn::stack_states");
  return op.call(states);
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def("zero_state(Tensor weight, SymInt batch, SymInt size) -> Tensor");
  m.def("stack_states(Tensor[] states) -> Tensor");
}

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", TORCH_FN(masked_rnn::make_zeros));
  m.impl("stack_states", TORCH_FN(masked_rnn::make_stack));
}

TORCH_LIBRARY_IMPL(masked_rnn, CPU, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", TORCH_FN(masked_rnn::cpu_zeros));
}

TORCH_LIBRARY_IMPL(masked_rnn, FuncTorchBatched, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", TORCH_FN(masked_rnn::make_zeros));
  m.impl("stack_states", TORCH_FN(masked_rnn::make_stack));
}

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", torch::CppFunction::makeFallthrough());
  m.impl("stack_states", TORCH_FN(masked_rnn::autograd_stack));
}

// See states.h: schemas, calls and registrations.
#include <ATen/ops/cat.h>
#include <ATen/ops/chunk.h>
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

at::Tensor make_joined(at::TensorList states) { return at::cat(states); }

torch::autograd::variable_list gradients_of_joined(const torch::autograd::variable_list& grads,
                                                   const torch::autograd::variable_list& /*saved*/,
                                                   int64_t count,
                                                   NeedsInputGrad /*needs_input_grad*/) {
  return grads[0].defined() ? at::chunk(grads[0], count) : torch::autograd::variable_list(count);
}

// Transforms of torch.func and forward mode know what at::cat is.
at::Tensor autograd_joined(at::TensorList states) {
  static constexpr Formula kFormula{
      "MaskedRnnJoinBackward0", gradients_of_joined, /*only_operators=*/true};
  if (under_functorch() || has_tangent(states)) {
    return make_joined(states);
  }
  const auto below = [&] {
    at::AutoDispatchBelowADInplaceOrView guard;
    return join_states(states);
  };
  if (!torch::autograd::compute_requires_grad(states)) {
    return below();
  }
  const auto node = c10::make_intrusive<FormulaNode>(kFormula,
                                                     torch::autograd::collect_next_edges(states),
                                                     static_cast<int64_t>(states.size()),
                                                     /*num_saved=*/0);
  auto result = below();
  torch::autograd::set_history(result, node);
  return result;
}

}  // namespace

at::Tensor zero_state(const at::Tensor& weight, c10::SymInt batch, c10::SymInt size) {
  static const auto op = operator_handle<decltype(make_zeros)>("masked_rnn::zero_state");
  return op.call(weight, std::move(batch), std::move(size));
}

at::Tensor join_states(at::TensorList states) {
  static const auto op = operator_handle<decltype(make_joined)>("masked_rnn::join_states");
  return op.call(states);
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def("zero_state(Tensor weight, SymInt batch, SymInt size) -> Tensor");
  m.def("join_states(Tensor[] states) -> Tensor");
}

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", TORCH_FN(masked_rnn::make_zeros));
  m.impl("join_states", TORCH_FN(masked_rnn::make_joined));
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
  m.impl("join_states", TORCH_FN(masked_rnn::make_joined));
}

TORCH_LIBRARY_IMPL(masked_rnn, Autograd, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("zero_state", torch::CppFunction::makeFallthrough());
  m.impl("join_states", TORCH_FN(masked_rnn::autograd_joined));
}

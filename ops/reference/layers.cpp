// See layers.h.
#include <ATen/core/grad_mode.h>
#include <ATen/functorch/TensorWrapper.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/schedules.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/reference/layers.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

// What the transforms of torch.func that only differentiate have wrapped.
at::Tensor unwrapped(at::Tensor tensor) {
  while (const auto* wrapper = at::functorch::maybeGetTensorWrapper(tensor)) {
    tensor = wrapper->value();
  }
  return tensor;
}

bool holds_values(const at::Tensor& tensor) {
  constexpr c10::DispatchKeySet elsewhere({c10::DispatchKey::Python,
                                           c10::DispatchKey::Functionalize,
                                           c10::DispatchKey::FuncTorchBatched});
  return tensor.is_cpu() && !tensor.key_set().has_any(elsewhere);
}

// ATen's operations take any lengths. Those on the CPU are checked as by the kernels; on other devices
// nobody waits for them.
void check_values(LayerArguments a) {
  // A transform would wrap what is made here.
  constexpr c10::DispatchKeySet transforms({c10::DispatchKey::FuncTorchDynamicLayerFrontMode,
                                            c10::DispatchKey::FuncTorchDynamicLayerBackMode});
  const c10::impl::ExcludeDispatchKeyGuard outside(transforms);
  for (auto* tensor : {&a.input, &a.lengths, &a.mask}) {
    if (tensor->defined()) {
      *tensor = unwrapped(*tensor);
      if (!holds_values(*tensor)) {
        return;
      }
    }
  }
  const auto schedule = schedule_of(a);
  if (a.one_hot()) {
    row_indices(schedule->whole(), a);
  }
}

}  // namespace

LayerResult reference_forward(const LayerArguments& a, bool save) {
  check_layer(a);
  check_values(a);
  auto result = reference::forward(a);
  // The backward recomputes: nothing is kept, but shape and dtype are those of every device.
  const auto options = a.weight_ih.options().dtype(saved_dtype(a.weight_ih.scalar_type()));
  result.saved =
      save ? at::empty({a.steps() * a.batch(), saved_size(a.cell, a.hidden_size())}, options)
           : at::empty({0}, options);
  return result;
}

namespace {

LayerGradients reference_backward(const LayerArguments& a,
                                  const at::Tensor& output,
                                  const at::Tensor& saved,
                                  const OutputGradients& grads,
                                  const WantedMask& wanted) {
  check_layer_backward(a, output, saved, grads, wanted);
  at::AutoGradMode no_double_backward(false);
  return reference::backward(a, grads, wanted);
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  masked_rnn::register_layers<masked_rnn::reference_forward, masked_rnn::reference_backward>(m);
}

// What PyTorch is doing with a call besides computing it, which some registrations have to know.
#pragma once

#include <ATen/FuncTorchTLS.h>
#include <ATen/core/Tensor.h>
#include <ATen/functorch/DynamicLayer.h>

#include <algorithm>

namespace masked_rnn {

// Whether forward-mode differentiation is under way.
inline bool has_tangent(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_floating_point() && tensor._fw_grad(/*level=*/0).defined();
}

inline bool has_tangent(at::TensorList tensors) {
  return std::any_of(
      tensors.begin(), tensors.end(), [](const auto& tensor) { return has_tangent(tensor); });
}

// Whether a transform of torch.func (grad, vmap, jvp, ...) is under way.
inline bool under_functorch() {
  // (Asking for the stack would make one where there is none, and autograd copies it for each node.)
  return at::functorch::functorchTLSAccessor() != nullptr &&
         !at::functorch::getDynamicLayerStack().empty();
}

}  // namespace masked_rnn

// Turns kernels of both directions into the signatures of their operators, and back.
#pragma once

#include <c10/util/Exception.h>
#include <masked_rnn/ops/bidirectional.h>
#include <masked_rnn/ops/layer_adapters.h>

#include <string_view>
#include <tuple>
#include <vector>

namespace masked_rnn {

// Throws c10::Error for lists that no cell has.
Directions directions_of(std::string_view cell,
                         const at::Tensor& input,
                         at::TensorList hx,
                         at::TensorList params,
                         const OptionalTensor& lengths,
                         const OptionalTensor& mask);

// The gradients that are asked for, one after the other, as the operator returns them.
std::vector<at::Tensor> listed(const BidirectionalGradients& gradients,
                               const Directions& directions,
                               const BidirectionalMask& wanted);

template <BidirectionalForward kernel>
Tensors4 bidirectional_layer(std::string_view cell,
                             const at::Tensor& input,
                             at::TensorList hx,
                             at::TensorList params,
                             const OptionalTensor& lengths,
                             const OptionalTensor& mask,
                             bool save) {
  const auto y = kernel(directions_of(cell, input, hx, params, lengths, mask), save);
  return {y.output, y.h_n, or_empty(y.c_n, params[0]), y.saved};
}

template <BidirectionalBackward kernel>
std::vector<at::Tensor> bidirectional_layer_backward(std::string_view cell,
                                                     const OptionalTensor& grad_output,
                                                     const OptionalTensor& grad_h_n,
                                                     const OptionalTensor& grad_c_n,
                                                     const at::Tensor& input,
                                                     at::TensorList hx,
                                                     at::TensorList params,
                                                     const OptionalTensor& lengths,
                                                     const OptionalTensor& mask,
                                                     const at::Tensor& output,
                                                     const at::Tensor& saved,
                                                     WantedMask output_mask,
                                                     WantedMask output_mask_reverse) {
  const auto directions = directions_of(cell, input, hx, params, lengths, mask);
  output_mask_reverse[kInput] = output_mask[kInput];
  const BidirectionalMask wanted{output_mask, output_mask_reverse};
  const auto gradients =
      kernel(directions,
             output,
             saved,
             {or_undefined(grad_output), or_undefined(grad_h_n), or_undefined(grad_c_n)},
             wanted);
  return listed(gradients, directions, wanted);
}

template <BidirectionalForward forward, BidirectionalBackward backward, class Library>
void register_bidirectional(Library& library) {
  if (!may_register()) {
    return;
  }
  library.impl("bidirectional_layer", TORCH_FN((bidirectional_layer<forward>)));
  library.impl("bidirectional_layer_backward", TORCH_FN((bidirectional_layer_backward<backward>)));
}

}  // namespace masked_rnn

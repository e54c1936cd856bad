// The layer in plain differentiable ATen calls: the definition of its semantics, the oracle of the
// tests, what runs on devices without a kernel of ours, and the carrier of the double backward.
#pragma once

#include <masked_rnn/csrc/layer.h>

#include <array>

namespace masked_rnn::reference {

// output, h_n and c_n as LayerResult says; `saved` stays undefined. Reads no length on the host.
// bfloat16 and float16 layers compute in float32, and their results are rounded once.
LayerResult forward(const LayerArguments& arguments);

// Gradients by differentiating forward; differentiable in turn while grad mode is on.
LayerGradients backward(const LayerArguments& arguments,
                        const OutputGradients& grads,
                        const WantedMask& wanted);

// The addresses of the differentiable tensors of LayerArguments, const or not, for code that treats them
// alike.
template <class Arguments>
auto differentiable(Arguments& a) {
  return std::array{
      &a.input, &a.h_0, &a.c_0, &a.weight_ih, &a.weight_hh, &a.bias_ih, &a.bias_hh, &a.weight_hr};
}

}  // namespace masked_rnn::reference

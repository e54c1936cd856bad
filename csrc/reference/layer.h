// The layer in plain differentiable ATen calls: the definition of its semantics, the oracle of the
// tests, what runs on devices without a kernel of ours, and the carrier of the double backward.
#pragma once

#include <masked_rnn/csrc/layer.h>

namespace masked_rnn::reference {

// output, h_n and c_n as LayerResult says; `saved` stays undefined. Reads no length on the host.
// bfloat16 and float16 layers compute in float32, and their results are rounded once.
LayerResult forward(const LayerArguments& arguments);

// Gradients by differentiating forward; differentiable in turn while grad mode is on.
LayerGradients backward(const LayerArguments& arguments,
                        const OutputGradients& grads,
                        const WantedMask& wanted);

// The layer with its floating-point tensors in float32.
LayerArguments in_float32(LayerArguments arguments);

// The same with several named tensors of `arguments`, for code that treats them alike.
std::array<at::Tensor*, kNumWanted> differentiable(LayerArguments& arguments);

}  // namespace masked_rnn::reference

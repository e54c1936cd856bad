// The reference as the operators' kernels: what runs on devices without a kernel of ours, and under the
// transforms of torch.func.
#pragma once

#include <masked_rnn/csrc/layer.h>

namespace masked_rnn {

// Both check their arguments first.
LayerResult reference_forward(const LayerArguments& arguments, bool save);
LayerGradients reference_backward(const LayerArguments& arguments,
                                  const at::Tensor& output,
                                  const at::Tensor& saved,
                                  const OutputGradients& grads,
                                  const WantedMask& wanted);

}  // namespace masked_rnn

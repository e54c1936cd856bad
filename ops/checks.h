// Every check of the operators' arguments, in a fixed order: presence, device, dtype, dimensions,
// agreement of sizes. Values are checked by the kernels that read them, never on Meta.
#pragma once

#include <masked_rnn/csrc/layer.h>

#include <string>

namespace masked_rnn {

// Throws c10::Error "masked_rnn::lstm_layer: expected `x` to ..., but got ...".
void check_layer(const LayerArguments& arguments);

// The output and saved tensors that a backward operator was given.
void check_layer_backward(const LayerArguments& arguments,
                          const at::Tensor& output,
                          const at::Tensor& saved,
                          const OutputGradients& grads);

// lengths [B] or mask [T, B] (T, B as the message calls them); `name` is the operator's.
void check_lengths_and_mask(const std::string& name,
                            const at::Tensor& lengths,
                            const at::Tensor& mask,
                            const c10::SymInt& steps,
                            const c10::SymInt& batch,
                            bool batch_first);

}  // namespace masked_rnn

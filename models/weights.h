// The weights of a model as named tensors, in memory and in a file that Python's torch.load reads too.
#pragma once

#include <ATen/core/ivalue.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace masked_rnn {

// Parameters and buffers by their names in the module, in its order.
using Weights = std::vector<std::pair<std::string, torch::Tensor>>;

// Copies, which later training does not touch.
Weights copy_weights(const torch::nn::Module& module);

// Throws c10::Error unless names, shapes and dtypes are those of the module; then nothing is set.
void set_weights(torch::nn::Module& module, const Weights& weights);

// As a tuple of pairs. to_weights throws when the value is something else.
c10::IValue to_ivalue(const Weights& weights);
Weights to_weights(const c10::IValue& value);

// A file that Python reads as dict(torch.load(file)). Written atomically; DataError if that fails.
void save_weights(const Weights& weights, const std::string& file);

// DataError that names the file if it cannot be read, is cut off or is something else.
Weights load_weights(const std::string& file);

}  // namespace masked_rnn

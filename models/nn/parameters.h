// Copies of parameters between modules of one shape.
#pragma once

#include <torch/nn/module.h>

#include <optional>

namespace masked_rnn {

// Gives `to` copies of the parameters and buffers of `from` by name, on `device` if given. Throws
// c10::Error if `to` lacks one of them.
void copy_parameters(const torch::nn::Module& from,
                     torch::nn::Module& to,
                     const std::optional<torch::Device>& device);

}  // namespace masked_rnn

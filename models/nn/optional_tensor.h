// torch::nn says "absent" with an undefined tensor, operators with an empty optional.
#pragma once

#include <torch/types.h>

#include <optional>

namespace masked_rnn {

inline std::optional<torch::Tensor> optional_tensor(const torch::Tensor& tensor) {
  return tensor.defined() ? std::optional<torch::Tensor>(tensor) : std::nullopt;
}

}  // namespace masked_rnn

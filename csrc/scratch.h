// Memory for the kernels: what a call throws away, and what forward keeps for backward. Recycled,
// since fresh pages cost the kernel 8-20% of a training step.
#pragma once

#include <ATen/core/Tensor.h>

namespace masked_rnn {

// An uninitialised tensor, 64-byte aligned. Its memory is kept for later calls when the last reference
// goes, up to a bound for the whole process, from which the largest blocks are given back first.
at::Tensor scratch(std::initializer_list<int64_t> sizes, at::ScalarType dtype);

}  // namespace masked_rnn

// Recycled memory for what a call throws away, what forward keeps for backward, and what the caller
// gets: fresh pages cost the kernel 8-20% of a training step.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>

#include <optional>

namespace masked_rnn {

// An uninitialised contiguous tensor of the CPU, 64-byte aligned and otherwise like any other. Its
// memory is kept for later calls when the last reference goes: of the process's pool, see pool.h. Only the
// first `used` elements will be written; all if it is not given.
at::Tensor recycled_empty(at::IntArrayRef sizes,
                          at::ScalarType dtype,
                          std::optional<int64_t> used = std::nullopt);

// A contiguous copy in another dtype.
at::Tensor recycled_copy(const at::Tensor& tensor, at::ScalarType dtype);

// The same memory without a tensor around it, which takes several times as long to make.
c10::DataPtr recycled_block(size_t bytes);

// Gives the system what is kept and nobody uses.
void free_unused_blocks();

}  // namespace masked_rnn

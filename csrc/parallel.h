// The only door to threads: PyTorch's own pool, so that torch::set_num_threads holds.
#pragma once

#include <cstdint>
#include <functional>

namespace masked_rnn {

// How many threads a region may use here: 1 inside another parallel region.
int64_t num_threads();

// Runs task(0) .. task(count - 1), each once, on up to num_threads() threads; rethrows the first error.
void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task);

}  // namespace masked_rnn

// What the machine can do at best: multiply-adds in registers and reads from its caches.
#pragma once

#include <cstdint>

namespace masked_rnn::benchmark {

// GFLOP/s of float32 multiply-adds on `threads` threads together, at the widest vectors that ATen
// uses here (ATEN_CPU_CAPABILITY lowers them). A multiply-add counts as two.
double fma_peak(int threads);

// The same in a fraction of a millisecond, just now and on PyTorch's own threads: the clock of a machine
// that others use too changes from moment to moment.
double fma_rate(int threads);

// GB/s at which `threads` threads read, over and over, a block of `bytes` shared out among them: the
// bandwidth of the cache level that holds it.
double read_bandwidth(int threads, int64_t bytes);

}  // namespace masked_rnn::benchmark

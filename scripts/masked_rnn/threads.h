// The number of threads that compute.
#pragma once

#include <cstdint>

namespace masked_rnn {

// Lets this process compute with `wanted` threads, or one per core for 0, and returns their number. Throws
// UsageError for less than 0 and for more than any machine is given.
int64_t set_threads(int64_t wanted);

}  // namespace masked_rnn

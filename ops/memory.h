// The memory that layers keep for their next calls.
#pragma once

#include <masked_rnn/ops/api.h>

namespace masked_rnn {

// Gives the system what layers have kept for their next calls and nobody uses: up to 256 MiB, or what
// was in use at once during the last few hundred calls, where that is more, up to 1 GiB. The next calls
// get fresh memory, which is slower. Any thread may call it; no errors.
MASKED_RNN_API void empty_cache();

}  // namespace masked_rnn

// What a core's caches hold, for the choice of what to fetch ahead and what to write past them.
#pragma once

#include <cstddef>

namespace masked_rnn {

// Whether so many bytes are too many for the near caches to hold them beside all else from one use to
// the next. Where they are not, fetching costs more than it gains.
constexpr bool is_cold(size_t bytes) { return bytes > size_t{1} << 18; }

// Whether so many bytes are more than a core's caches hold, and better written past them.
constexpr bool is_far(size_t bytes) { return bytes > size_t{6} << 20; }

}  // namespace masked_rnn

// What a core's caches hold, for the choice of what to fetch ahead and what to write past them.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>

#include <cstddef>

namespace masked_rnn {

// Whether so many bytes are too many for the near caches to hold them beside all else from one use to
// the next. Where they are not, fetching costs more than it gains.
constexpr bool is_cold(size_t bytes) { return bytes > size_t{1} << 18; }

// The same of a packed weight, which is read from one end to the other: most processors foresee that, and
// bring it from the last level in time while each block is multiplied with several rows. Processors with
// AMX share a last level that is hardly faster than memory.
inline bool is_cold_weight(size_t bytes) {
  return cpu_level() == Level::kAmx ? is_cold(bytes) : bytes > size_t{1} << 21;
}

// Whether so many bytes are more than a core's caches hold, and better written past them.
inline bool is_far(size_t bytes) {
  return bytes > size_t{cpu_level() == Level::kAmx ? 3U : 6U} << 20;
}

// Whether several hundred rows of so many bytes have room in a core's second-level cache beside all else.
constexpr bool are_small(size_t row_bytes) { return row_bytes <= size_t{1} << 10; }

// Whether weights of so many bytes that are read by turns have room in a second-level cache of 1 MB beside all
// else.
constexpr bool fit_together(size_t bytes) { return bytes <= size_t{11} << 16; }

// Whether a tensor of so many bytes, written once, is better written past the caches where nothing stands in
// it: reading it from memory first would take longer than writing it.
constexpr bool is_large(size_t bytes) { return bytes > size_t{1} << 19; }

}  // namespace masked_rnn

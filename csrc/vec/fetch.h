// Asks for memory before it is used: rows that stand in no order are foreseen by no processor.
//
// Functions (and lambdas) that do nothing but fetch must be inlined by force: GCC takes a prefetch for no
// effect, and drops calls of functions that have none.
#pragma once

#include <cstdint>

namespace masked_rnn {
namespace {

// Elements of a cache line.
template <class T>
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));

// The lines of `size` elements.
template <class T>
__attribute__((always_inline)) inline void fetch(const T* from, int64_t size) {
  for (int64_t i = 0; i < size; i += kLine<T>) {
    __builtin_prefetch(from + i);
  }
}

}  // namespace
}  // namespace masked_rnn

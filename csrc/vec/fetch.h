// Asks for memory before it is used: rows that stand in no order are foreseen by no processor.
#pragma once

#include <cstdint>

namespace masked_rnn {
namespace {

// Elements of a cache line.
template <class T>
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));

// The line of one element. The empty instruction counts as an effect: functions that do nothing but
// prefetch have none in GCC's eyes, and calls of them that are not inlined go.
inline void fetch_line(const void* element) {
  __builtin_prefetch(element);
  asm volatile("" : : "r"(element));
}
inline void fetch_line_to_write(const void* element) {
  __builtin_prefetch(element, 1);
  asm volatile("" : : "r"(element));
}

// The lines of `size` elements.
template <class T>
inline void fetch(const T* from, int64_t size) {
  for (int64_t i = 0; i < size; i += kLine<T>) {
    fetch_line(from + i);
  }
}

}  // namespace
}  // namespace masked_rnn

// Weights whose columns are contiguous, as those of torch.nn are: some operands of a vector of columns are read at
// a time, and turned in registers.
#pragma once

#include <masked_rnn/csrc/kernels/tile.h>

#include <utility>

namespace masked_rnn {
namespace {

// Operands of each column that are read at a time: half as many as there are columns, for to turn the halves of
// the registers side by side takes three quarters of the instructions that a whole square does.
template <class T>
constexpr int64_t kHalfSquare = kLanes<T> / 2;

// Of each pair of rows a and b, the elements outside the diagonal of squares of `Square` elements
// change places: the upper row keeps a's where its lane is in the first half, else takes b's.
template <class T, int Square, int... Lane>
MASKED_RNN_INLINE void exchange(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, Lane...>) {
  constexpr int N = sizeof...(Lane);
  const Vec<T> upper =
      __builtin_shufflevector(a, b, (Lane & Square ? N + (Lane ^ Square) : Lane)...);
  b = __builtin_shufflevector(a, b, (Lane & Square ? N + Lane : Lane ^ Square)...);
  a = upper;
}

// In each half of the registers rows become columns: element l of its part of rows[i] becomes element i of its
// part of rows[l].
template <class T, int Square = 1>
MASKED_RNN_INLINE void transpose_halves(Vec<T> (&rows)[kHalfSquare<T>]) {
  if constexpr (Square < kHalfSquare<T>) {
#pragma GCC unroll 8
    for (int i = 0; i < kHalfSquare<T>; ++i) {
      if ((i & Square) == 0) {
        exchange<T, Square>(
            rows[i], rows[i | Square], std::make_integer_sequence<int, kLanes<T>>());
      }
    }
    transpose_halves<T, 2 * Square>(rows);
  }
}

// square[i] becomes operand i of a vector of columns, of which column(n) is the n-th.
template <class T, class Column>
MASKED_RNN_INLINE void load_half_square(const Column& column, Vec<T> (&square)[kHalfSquare<T>]) {
#pragma GCC unroll 8
  for (int n = 0; n < kHalfSquare<T>; ++n) {
    square[n] = operands_along(column(n), column(n + kHalfSquare<T>));
  }
  transpose_halves<T>(square);
}

}  // namespace
}  // namespace masked_rnn

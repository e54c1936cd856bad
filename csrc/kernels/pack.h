// Weights in the form that products read: column blocks, each contiguous along k.
#pragma once

#include <masked_rnn/csrc/kernels/tile.h>

#include <utility>

namespace masked_rnn {
namespace {

// Hidden units (or columns) in one packed block.
template <class T>
constexpr int64_t block_units(int64_t gates) {
  return gates == 1 ? kBlockVectors * kLanes<T> : kLanes<T>;
}

template <class T>
int64_t packed_size(int64_t depth, int64_t columns, int64_t gates) {
  const int64_t units = block_units<T>(gates);
  return (columns + units - 1) / units * units * gates * operands(depth);
}

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

// Rows become columns: element l of rows[i] becomes element i of rows[l].
template <class T, int Square = 1>
MASKED_RNN_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
  constexpr int N = static_cast<int>(kLanes<T>);
  if constexpr (Square < N) {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      if ((i & Square) == 0) {
        exchange<T, Square>(rows[i], rows[i | Square], std::make_integer_sequence<int, N>());
      }
    }
    transpose<T, 2 * Square>(rows);
  }
}

// `columns` <= lanes columns n of a weight that is contiguous along k, to to[k * row + n] for operands
// k.
template <class T>
void pack_rows(
    const T* from, int64_t stride_n, int64_t columns, int64_t depth, T* to, int64_t row) {
  constexpr int64_t L = kLanes<T>;
  int64_t k = 0;
  for (; columns == L && (k + L) * kTerms <= depth; k += L) {
    Vec<T> square[L];
#pragma GCC unroll 16
    for (int n = 0; n < L; ++n) {
      square[n] = operands_along(from + n * stride_n + k * kTerms);
    }
    transpose<T>(square);
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) {
      store<T>(to + (k + i) * row, square[i]);
    }
  }
  for (; k < operands(depth); ++k) {
    for (int64_t n = 0; n < columns; ++n) {
      const T* first = from + n * stride_n + k * kTerms;
      to[k * row + n] = operand(first, k * kTerms + 1 < depth ? first + 1 : nullptr);
    }
  }
}

// `columns` columns n of any other weight.
template <class T>
void pack_columns(const T* from, const PackArguments<T>& p, int64_t columns, T* to, int64_t row) {
  for (int64_t k = 0; k < operands(p.depth); ++k, to += row) {
    const T* first = from + k * kTerms * p.stride_k;
    const T* second = k * kTerms + 1 < p.depth ? first + p.stride_k : nullptr;
    int64_t n = 0;
    for (; p.stride_n == 1 && n + kLanes<T> <= columns; n += kLanes<T>) {
      store<T>(to + n, operands_across(first + n, from_number(second, n)));
    }
    for (; n < columns; ++n) {
      const int64_t at = n * p.stride_n;
      to[n] = operand(first + at, from_number(second, at));
    }
  }
}

// Of as many columns as one block has.
template <class T>
bool is_packed(const PackArguments<T>& p) {
  return kTerms == 1 && p.gates == 1 && p.columns == block_units<T>(1) && p.stride_n == 1 &&
         p.stride_k == p.columns;
}

template <class T>
void pack(const PackArguments<T>& p) {
  const int64_t units = block_units<T>(p.gates), row = units * p.gates;
  T* out = p.packed + packed_size<T>(p.depth, p.first, p.gates);
  for (int64_t j = p.first; j < p.last; j += units) {
    const int64_t here = p.columns - j < units ? p.columns - j : units;
    for (int64_t g = 0; g < p.gates; ++g) {
      const T* from = p.weight + (g * p.columns + j) * p.stride_n;
      T* to = out + g * units;
      if (p.stride_k == 1) {
        for (int64_t n = 0; n < here; n += kLanes<T>) {
          const int64_t columns = here - n < kLanes<T> ? here - n : kLanes<T>;
          pack_rows(from + n * p.stride_n, p.stride_n, columns, p.depth, to + n, row);
        }
      } else {
        pack_columns(from, p, here, to, row);
      }
      for (int64_t k = 0; here < units && k < operands(p.depth); ++k) {
        for (int64_t n = here; n < units; ++n) {
          to[k * row + n] = 0;
        }
      }
    }
    out += row * operands(p.depth);
  }
}

}  // namespace
}  // namespace masked_rnn

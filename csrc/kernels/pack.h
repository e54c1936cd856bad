// Weights in the form that products read: column blocks, each contiguous along k.
#pragma once

#include <masked_rnn/csrc/kernels/half_square.h>

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

// `columns` <= lanes columns n of a weight that is contiguous along k, to to[k * row + n] for operands
// k.
template <class T>
void pack_rows(
    const T* from, int64_t stride_n, int64_t columns, int64_t depth, T* to, int64_t row) {
  int64_t k = 0;
  for (; columns == kLanes<T> && (k + kHalfSquare<T>)*kTerms <= depth; k += kHalfSquare<T>) {
    Vec<T> square[kHalfSquare<T>];
    const auto column = [&](int n) __attribute__((always_inline)) {
      return from + n * stride_n + k * kTerms;
    };
    load_half_square<T>(column, square);
#pragma GCC unroll 8
    for (int i = 0; i < kHalfSquare<T>; ++i) {
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

// Weights in the form that products read: column blocks, each contiguous along k.
#pragma once

#include <masked_rnn/csrc/kernels/tile.h>

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
  return (columns + units - 1) / units * units * gates * depth;
}

// Rows become columns: element l of rows[i] becomes element i of rows[l], by exchanging ever larger
// squares across the diagonal.
template <class T>
inline void transpose(Vec<T> (&rows)[kLanes<T>]) {
  using Index = typename Simd<T>::IntVec;
#pragma GCC unroll 4
  for (int square = 1; square < kLanes<T>; square *= 2) {
    Index upper, lower;
    for (int l = 0; l < kLanes<T>; ++l) {
      upper[l] = l & square ? static_cast<int>(kLanes<T>) + (l ^ square) : l;
      lower[l] = l & square ? static_cast<int>(kLanes<T>) + l : l ^ square;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
      if ((i & square) == 0) {
        const Vec<T> a = rows[i], b = rows[i | square];
        rows[i] = __builtin_shuffle(a, b, upper);
        rows[i | square] = __builtin_shuffle(a, b, lower);
      }
    }
  }
}

// `columns` <= lanes columns n of a weight that is contiguous along k, to to[k * row + n].
template <class T>
void pack_rows(
    const T* from, int64_t stride_n, int64_t columns, int64_t depth, T* to, int64_t row) {
  constexpr int64_t L = kLanes<T>;
  int64_t k = 0;
  for (; columns == L && k + L <= depth; k += L) {
    Vec<T> square[L];
#pragma GCC unroll 16
    for (int n = 0; n < L; ++n) {
      square[n] = load(from + n * stride_n + k);
    }
    transpose<T>(square);
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) {
      store<T>(to + (k + i) * row, square[i]);
    }
  }
  for (; k < depth; ++k) {
    for (int64_t n = 0; n < columns; ++n) {
      to[k * row + n] = from[n * stride_n + k];
    }
  }
}

template <class T>
void pack(const PackArguments<T>& p) {
  const int64_t units = block_units<T>(p.gates), row = units * p.gates;
  T* out = p.packed;
  for (int64_t j = 0; j < p.columns; j += units) {
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
        for (int64_t k = 0; k < p.depth; ++k) {
          for (int64_t n = 0; n < here; ++n) {
            to[k * row + n] = from[k * p.stride_k + n * p.stride_n];
          }
        }
      }
      for (int64_t k = 0; here < units && k < p.depth; ++k) {
        for (int64_t n = here; n < units; ++n) {
          to[k * row + n] = 0;
        }
      }
    }
    out += row * p.depth;
  }
}

}  // namespace
}  // namespace masked_rnn

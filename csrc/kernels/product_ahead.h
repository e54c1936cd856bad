// A product that steps of a single row compute on the way: they wait for memory, and leave half of the
// multiply-adds that the processor could do meanwhile.
#pragma once

#include <masked_rnn/csrc/kernels/depth_parts.h>
#include <masked_rnn/csrc/kernels/tile.h>

namespace masked_rnn {
namespace {

// Rows of a tile, which is a block wide.
constexpr int kAheadRows = 4;

// Operands of the deepest such product, 0 for none: its sums need registers beside those of the step, and
// are one part each.
constexpr int64_t kAheadDepth = kTerms == 1 && MASKED_RNN_VECTOR_BYTES == 64 ? kDepthAtOnce : 0;

// Row i of the tile that comes next; the last one of all again where there are no more.
template <class T>
MASKED_RNN_INLINE int64_t row_of_tile(const ProductAhead<T>& p, int64_t i) {
  return p.done + i < p.product.rows ? p.done + i : p.product.rows - 1;
}

// The sums of the tile that comes next, of which p.k operands are added up.
template <class T>
MASKED_RNN_INLINE void load_sums(const ProductAhead<T>& p,
                                 Vec<T> (&sum)[kAheadRows][kBlockVectors]) {
  const T* from = p.k > 0 ? p.sums : p.product.bias + p.column;
  const int64_t row = p.k > 0 ? kBlockVectors * kLanes<T> : 0;
#pragma GCC unroll 4
  for (int i = 0; i < kAheadRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      sum[i][v] = load(from + i * row + v * kLanes<T>);
    }
  }
}

// Keeps them, or writes the tile if it is complete.
template <class T>
MASKED_RNN_INLINE void store_sums(ProductAhead<T>& p, Vec<T> (&sum)[kAheadRows][kBlockVectors]) {
  constexpr int64_t block = kBlockVectors * kLanes<T>;
  T* to[kAheadRows];
  const bool complete = p.k == p.product.depth;
#pragma GCC unroll 4
  for (int i = 0; i < kAheadRows; ++i) {
    to[i] = complete ? p.product.c[row_of_tile(p, i)] + p.column : p.sums + i * block;
  }
  write_tile<T, kAheadRows, kBlockVectors>(
      sum, to, complete ? p.product.columns - p.column : block, /*add=*/false);
  if (complete) {
    p.k = 0;
    p.column += block;
    if (p.column >= p.product.columns) {
      p.column = 0;
      p.done += kAheadRows;
    }
  }
}

// Calls add(k) for k from 0 on, and adds an operand to a tile of the product after every `Every` of them, as
// long as there are so many below `depth`, and something is left of the product. Returns how many there were.
template <class T, int Every, class Add>
MASKED_RNN_INLINE int64_t add_with_product(ProductAhead<T>& p, int64_t depth, const Add& add) {
  constexpr int64_t block = kBlockVectors * kLanes<T>;
  int64_t k = 0;
  while (depth - k >= Every && p.done < p.product.rows) {
    Vec<T> sum[kAheadRows][kBlockVectors];
    load_sums(p, sum);
    const T* rows[kAheadRows];
#pragma GCC unroll 4
    for (int i = 0; i < kAheadRows; ++i) {
      rows[i] = p.product.a[row_of_tile(p, i)] + p.k;
    }
    const T* b = p.product.packed + p.column * p.product.depth + p.k * block;
    const int64_t left = p.product.depth - p.k, most = (depth - k) / Every;
    const int64_t count = left < most ? left : most;
    for (int64_t n = 0; n < count; ++n, b += block) {
#pragma GCC unroll 8
      for (int i = 0; i < Every; ++i) {
        add(k++);
      }
      add_operand<T, kAheadRows, kBlockVectors>(
          sum, [&](int r) __attribute__((always_inline)) { return rows[r][n]; }, b);
    }
    p.k += count;
    store_sums(p, sum);
  }
  return k;
}

}  // namespace
}  // namespace masked_rnn

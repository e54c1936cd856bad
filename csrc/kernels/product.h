// Products of rows with packed weights.
#pragma once

#include <masked_rnn/csrc/kernels/pack.h>

namespace masked_rnn {
namespace {

// Products deeper than kDepthAtOnce operands are summed up in equal parts of at most kDepthPart, each
// from zero: that halves the rounding error of the longest, and a block of so many rows of k stays in
// the second-level cache while every tile reads it. Shorter parts cost more than they gain: 9% at 128.
constexpr int64_t kDepthAtOnce = 256;
constexpr int64_t kDepthPart = 192;

// Calls each(extent, vector) for the vectors of columns that exist.
template <class T, int V, class Each>
MASKED_RNN_INLINE void for_vectors(int64_t columns, const Each& each) {
  if (columns >= V * kLanes<T>) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      each(Whole<T>{}, v);
    }
    return;
  }
  for (int v = 0; v * kLanes<T> < columns; ++v) {
    const int64_t left = columns - v * kLanes<T>;
    if (left >= kLanes<T>) {
      each(Whole<T>{}, v);
    } else {
      each(Partial<T>{left}, v);
    }
  }
}

// Rows [r, r + R) and the block of columns from `first` on, over operands k in [k_first, k_last).
template <class T, int R>
inline void product_tile(const ProductArguments<T>& p,
                         const T* const* a,
                         int64_t r,
                         int64_t first,
                         int64_t k_first,
                         int64_t k_last,
                         bool add) {
  constexpr int V = kBlockVectors;
  const int64_t columns = p.columns - first;
  Vec<T> sum[R][V] = {};
  if (!add && p.bias != nullptr) {
    for_vectors<T, V>(columns, [&](auto extent, int v) {
      const Vec<T> bias = extent.load(p.bias + first + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        sum[i][v] = bias;
      }
    });
  }
  const int64_t depth = operands(p.depth);
  add_products<T, R, V>(sum, a + r, p.packed + first * depth, k_first, k_last);
  for_vectors<T, V>(columns, [&](auto extent, int v) {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      T* c = p.c[r + i] + first + v * kLanes<T>;
      extent.store(c, add ? extent.load(c) + sum[i][v] : sum[i][v]);
    }
  });
}

template <class T>
void product(const ProductArguments<T>& p) {
  constexpr int64_t units = block_units<T>(1);
  const OperandRows<T> a(p.a, p.rows, p.depth);
  const int64_t depth = operands(p.depth);
  const int64_t parts = depth <= kDepthAtOnce ? 1 : (depth + kDepthPart - 1) / kDepthPart;
  in_order(parts, p.backwards, [&](int64_t part) {
    const int64_t k_first = depth * part / parts, k_last = depth * (part + 1) / parts;
    const bool add = p.accumulate || part != (p.backwards ? parts - 1 : 0);
    in_order((p.columns + units - 1) / units, p.backwards, [&](int64_t block) {
      for_row_tiles<kTileRows<kBlockVectors>>(p.rows, [&](auto rows, int64_t r) {
        product_tile<T, decltype(rows)::value>(p, a.data(), r, block * units, k_first, k_last, add);
      });
    });
  });
}

}  // namespace
}  // namespace masked_rnn

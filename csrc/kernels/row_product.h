// The product of a single row with a weight that is not packed and whose rows are contiguous: each is
// read from one end to the other, as fast as a packed block is.
#pragma once

#include <masked_rnn/csrc/kernels/depth_parts.h>
#include <masked_rnn/csrc/kernels/tile.h>

namespace masked_rnn {
namespace {

// V vectors of columns from n on; of the last, `extent`.
template <class T, int V, class Extent>
inline void multiply_columns(const ProductArguments<T>& p,
                             const DepthParts& parts,
                             int64_t part,
                             const Extent& extent,
                             int64_t n) {
  constexpr int64_t L = kLanes<T>;
  const int64_t first = parts.first(part), last = parts.first(part + 1);
  const bool add = parts.is_added(p, part);
  Vec<T> sum[V] = {};
  if (!add && p.bias != nullptr) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      sum[v] = extent.load(p.bias + n + v * L);
    }
  }
  const T* a = p.a[0];
  const T* b = p.weight.weight + first * p.weight.stride_k + n;
  for (int64_t k = first; k < last; ++k, b += p.weight.stride_k) {
    const Vec<T> x = broadcast(a[k]);
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      sum[v] = multiply_add<T>(x, extent.load(b + v * L), sum[v]);
    }
  }
  T* c = p.c[0] + n;
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    extent.store(c + v * L, add ? extent.load(c + v * L) + sum[v] : sum[v]);
  }
}

template <class T>
inline bool is_row_product(const ProductArguments<T>& p) {
  return kTerms == 1 && p.rows == 1 && p.packed == nullptr && p.weight.stride_n == 1;
}

template <class T>
void multiply_row(const ProductArguments<T>& p) {
  constexpr int kMany = kAccumulators * 2 / 3;
  const DepthParts parts{p.depth};
  in_order(parts.count, p.backwards, [&](int64_t part, int64_t) {
    int64_t n = 0;
    for (; n + kMany * kLanes<T> <= p.columns; n += kMany * kLanes<T>) {
      multiply_columns<T, kMany>(p, parts, part, Whole<T>{}, n);
    }
    for (; n + kBlockVectors * kLanes<T> <= p.columns; n += kBlockVectors * kLanes<T>) {
      multiply_columns<T, kBlockVectors>(p, parts, part, Whole<T>{}, n);
    }
    for_units<T>(n, p.columns, [&](const auto& extent, int64_t first) {
      multiply_columns<T, 1>(p, parts, part, extent, first);
    });
  });
}

}  // namespace
}  // namespace masked_rnn

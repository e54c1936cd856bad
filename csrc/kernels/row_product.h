// The product of a single row with a weight that is not packed: where its rows are contiguous, each is read from one
// end to the other, as fast as a packed block is; where its columns are, some of them side by side.
#pragma once

#include <masked_rnn/csrc/kernels/columns.h>
#include <masked_rnn/csrc/kernels/depth_parts.h>

namespace masked_rnn {
namespace {

// Operands of part `part` of V vectors of columns from n on, which add(sum, first operand, last one) adds up; of
// the last vector, `extent`.
template <class T, int V, class Extent, class Add>
MASKED_RNN_INLINE void multiply_part(const ProductArguments<T>& p,
                                     const DepthParts& parts,
                                     int64_t part,
                                     const Extent& extent,
                                     int64_t n,
                                     const Add& add) {
  constexpr int64_t L = kLanes<T>;
  const bool is_added = parts.is_added(p, part);
  Vec<T> sum[V] = {};
  if (!is_added && p.bias != nullptr) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      sum[v] = extent.load(p.bias + n + v * L);
    }
  }
  add(sum, parts.first(part), parts.first(part + 1));
  T* c = p.c[0] + n;
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    extent.store(c + v * L, is_added ? extent.load(c + v * L) + sum[v] : sum[v]);
  }
}

// Of a weight whose rows are contiguous.
template <class T, int V, class Extent>
inline void multiply_rows(const ProductArguments<T>& p,
                          const DepthParts& parts,
                          int64_t part,
                          const Extent& extent,
                          int64_t n) {
  multiply_part<T, V>(
      p,
      parts,
      part,
      extent,
      n,
      [&](Vec<T>(&sum)[V], int64_t first, int64_t last) __attribute__((always_inline)) {
        const T* a = p.a[0];
        const T* b = p.weight.weight + first * p.weight.stride_k + n;
        for (int64_t k = first; k < last; ++k, b += p.weight.stride_k) {
          const Vec<T> x = broadcast(a[k]);
#pragma GCC unroll 16
          for (int v = 0; v < V; ++v) {
            sum[v] = multiply_add<T>(x, extent.load(b + v * kLanes<T>), sum[v]);
          }
        }
      });
}

template <class T>
void multiply_all_rows(const ProductArguments<T>& p, const DepthParts& parts) {
  constexpr int kMany = kAccumulators * 2 / 3;
  in_order(parts.count, p.backwards, [&](int64_t part, int64_t) {
    int64_t n = 0;
    for (; n + kMany * kLanes<T> <= p.columns; n += kMany * kLanes<T>) {
      multiply_rows<T, kMany>(p, parts, part, Whole<T>{}, n);
    }
    for (; n + kBlockVectors * kLanes<T> <= p.columns; n += kBlockVectors * kLanes<T>) {
      multiply_rows<T, kBlockVectors>(p, parts, part, Whole<T>{}, n);
    }
    for_units<T>(n, p.columns, [&](const auto& extent, int64_t first) {
      multiply_rows<T, 1>(p, parts, part, extent, first);
    });
  });
}

// Of a weight whose columns are contiguous, V vectors of them from n on. All parts come before the next columns:
// each column is one stream of memory.
template <class T, int V, class Extent>
void multiply_columns(const ProductArguments<T>& p,
                      const DepthParts& parts,
                      const Extent& extent,
                      int64_t n) {
  const int64_t stride = p.weight.stride_n;
  const T* from[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    from[v] = p.weight.weight + (n + v * kLanes<T>)*stride;
  }
  in_order(parts.count, p.backwards, [&](int64_t part, int64_t) {
    multiply_part<T, V>(
        p,
        parts,
        part,
        extent,
        n,
        [&](Vec<T>(&sum)[V], int64_t first, int64_t last) __attribute__((always_inline)) {
          add_columns<T, V>(extent, sum, p.a[0], from, stride, first, last);
        });
  });
}

template <class T>
void multiply_all_columns(const ProductArguments<T>& p, const DepthParts& parts) {
  constexpr int V = kColumnVectors;
  int64_t n = 0;
  for (; n + V * kLanes<T> <= p.columns; n += V * kLanes<T>) {
    multiply_columns<T, V>(p, parts, Whole<T>{}, n);
  }
  for_units<T>(n, p.columns, [&](const auto& extent, int64_t first) {
    multiply_columns<T, 1>(p, parts, extent, first);
  });
}

// Whether a single row is multiplied with a weight as it is.
template <class T>
inline bool is_row_product(const ProductArguments<T>& p) {
  return kTerms == 1 && p.rows == 1 && p.packed == nullptr &&
         (p.weight.stride_n == 1 || p.weight.stride_k == 1);
}

template <class T>
__attribute__((noinline)) void multiply_row(const ProductArguments<T>& p) {
  const DepthParts parts{p.depth};
  if (p.weight.stride_n == 1) {
    multiply_all_rows(p, parts);
  } else {
    multiply_all_columns(p, parts);
  }
}

}  // namespace
}  // namespace masked_rnn

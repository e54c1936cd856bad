// A single row times columns of a weight that stand as they are, each contiguous.
#pragma once

#include <masked_rnn/csrc/kernels/half_square.h>

namespace masked_rnn {
namespace {

// Vectors of columns that are read side by side: of fewer each multiply-add waits for the one before, and more of
// them are more streams of memory than are foreseen.
constexpr int kColumnVectors = 128 / MASKED_RNN_VECTOR_BYTES;

// Whether columns so far apart all stand in the same few places of the first-level cache, which then holds the
// lines of half as many only. (Shorter vectors read each line more often.)
template <class T>
inline bool share_places(int64_t stride) {
  constexpr int64_t kPlaces = (MASKED_RNN_VECTOR_BYTES == 64 ? 4096 : 2048) / sizeof(T);
  return stride % kPlaces == 0;
}

// sum[v] += row * operands [first, last) of a vector of columns, of which column(v, n) is the n-th.
template <class T, int V, class Column>
MASKED_RNN_INLINE void add_side_by_side(
    Vec<T>* sum, const T* row, int64_t first, int64_t last, const Column& column) {
  constexpr int64_t Q = kHalfSquare<T>;
  Vec<T> sums[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    sums[v] = sum[v];
  }
  const auto write = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      sum[v] = sums[v];
    }
  };
  // Operands from k on, but for the first `done` of them.
  const auto add = [&](int64_t k, int64_t done) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      Vec<T> square[Q];
      const auto from_k = [&](int n) __attribute__((always_inline)) { return column(v, n) + k; };
      load_half_square<T>(from_k, square);
#pragma GCC unroll 8
      for (int i = 0; i < Q; ++i) {
        if (i >= done) {
          sums[v] = multiply_add<T>(broadcast(row[k + i]), square[i], sums[v]);
        }
      }
    }
  };
  int64_t k = first;
  for (; k + Q <= last; k += Q) {
    add(k, 0);
  }
  // The last ones along with some before them, so that nothing behind a column is read.
  if (k < last && last >= Q) {
    add(last - Q, k + Q - last);
    return write();
  }
  for (; k < last; ++k) {
    for (int v = 0; v < V; ++v) {
      T operands[kLanes<T>];
      for (int n = 0; n < kLanes<T>; ++n) {
        operands[n] = column(v, n)[k];
      }
      sums[v] = multiply_add<T>(broadcast(row[k]), load(operands), sums[v]);
    }
  }
  write();
}

// Where column n of a vector of columns, `stride` apart, stands behind the first one.
template <class T>
MASKED_RNN_INLINE int64_t place_of(const Whole<T>&, int64_t n, int64_t stride) {
  return n * stride;
}

// Instead of columns that there are not, the last one is read.
template <class T>
MASKED_RNN_INLINE int64_t place_of(const Partial<T>& extent, int64_t n, int64_t stride) {
  return (n < extent.count ? n : extent.count - 1) * stride;
}

// sum[v] += row * operands [first, last) of vector v of V vectors of columns, `stride` apart, of which from[v] is
// the first and `extent` says how many there are.
template <class T, int V, class Extent>
inline void add_columns(const Extent& extent,
                        Vec<T> (&sum)[V],
                        const T* row,
                        const T* const (&from)[V],
                        int64_t stride,
                        int64_t first,
                        int64_t last) {
  int v = 0;
  const auto add = [&](auto at_once) __attribute__((always_inline)) {
    constexpr int N = decltype(at_once)::value;
    for (; N <= V && v + N <= V; v += N) {
      const T* const* columns = from + v;
      add_side_by_side<T, N>(
          sum + v, row, first, last, [&](int i, int n) __attribute__((always_inline)) {
            return columns[i] + place_of(extent, n, stride);
          });
    }
  };
  if (!share_places<T>(stride)) {
    add(Constant<kColumnVectors>{});
  }
  add(Constant<kColumnVectors / 2>{});
  add(Constant<1>{});
}

}  // namespace
}  // namespace masked_rnn

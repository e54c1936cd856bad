// Packing of weights, products of rows with packed weights, and the sums of outer products that are
// the weights' gradients.
#pragma once

#include <masked_rnn/csrc/kernels/tile.h>

namespace masked_rnn {
namespace {

// Hidden units (or columns) in one packed block.
template <class T>
int64_t block_units(int64_t gates) {
  return gates == 1 ? kBlockVectors * kLanes<T> : kLanes<T>;
}

template <class T>
int64_t packed_size(int64_t depth, int64_t columns, int64_t gates) {
  const int64_t units = block_units<T>(gates);
  return (columns + units - 1) / units * units * gates * depth;
}

template <class T>
void pack(const PackArguments<T>& p) {
  const int64_t units = block_units<T>(p.gates);
  T* out = p.packed;
  for (int64_t j = 0; j < p.columns; j += units) {
    const int64_t here = p.columns - j < units ? p.columns - j : units;
    for (int64_t g = 0; g < p.gates; ++g) {
      // Along the weight's contiguous direction first.
      const T* from = p.weight + (g * p.columns + j) * p.stride_n;
      T* to = out + g * units;
      const int64_t row = units * p.gates;
      if (p.stride_n == 1) {
        for (int64_t k = 0; k < p.depth; ++k) {
          for (int64_t n = 0; n < here; ++n) {
            to[k * row + n] = from[k * p.stride_k + n];
          }
        }
      } else {
        for (int64_t n = 0; n < here; ++n) {
          for (int64_t k = 0; k < p.depth; ++k) {
            to[k * row + n] = from[k * p.stride_k + n * p.stride_n];
          }
        }
      }
      for (int64_t k = 0; k < p.depth; ++k) {
        for (int64_t n = here; n < units; ++n) {
          to[k * row + n] = 0;
        }
      }
    }
    out += units * p.gates * p.depth;
  }
}

template <class T, int R>
inline void product_tile(const ProductArguments<T>& p, int64_t r, int64_t first, const T* packed) {
  Vec<T> sum[R][kBlockVectors] = {};
  const int64_t columns = p.columns - first;
  const auto vectors = [&](const auto& each) {
    for (int64_t v = 0; v < kBlockVectors && v * kLanes<T> < columns; ++v) {
      const int64_t n = first + v * kLanes<T>, left = p.columns - n;
      if (left >= kLanes<T>) {
        each(Whole<T>{}, v, n);
      } else {
        each(Partial<T>{left}, v, n);
      }
    }
  };
  if (p.accumulate) {
    vectors([&](auto extent, int64_t v, int64_t n) {
      for (int i = 0; i < R; ++i) {
        sum[i][v] = extent.load(p.c[r + i] + n);
      }
    });
  } else if (p.bias != nullptr) {
    vectors([&](auto extent, int64_t v, int64_t n) {
      for (int i = 0; i < R; ++i) {
        sum[i][v] = extent.load(p.bias + n);
      }
    });
  }
  multiply_add<T, R, kBlockVectors>(sum, p.a + r, packed, p.depth);
  vectors([&](auto extent, int64_t v, int64_t n) {
    for (int i = 0; i < R; ++i) {
      extent.store(p.c[r + i] + n, sum[i][v]);
    }
  });
}

template <class T>
void product(const ProductArguments<T>& p) {
  const int64_t units = block_units<T>(1);
  for (int64_t first = 0; first < p.columns; first += units) {
    const T* packed = p.packed + first * p.depth;
    for_row_tiles(p.rows, [&](auto rows, int64_t r) {
      product_tile<T, decltype(rows)::value>(p, r, first, packed);
    });
  }
}

// Rows in one partial sum of a weight gradient: each starts from zero, then is added. Two levels
// keep the rounding error of long batches a third of that of one sequential sum.
constexpr int64_t kOuterChunk = 512;

template <class T, int R, class Extent>
inline void outer_tile(const OuterArguments<T>& o,
                       int64_t first_row,
                       int64_t rows,
                       int64_t m,
                       int64_t n,
                       const Extent& extent) {
  constexpr int kVectors = Extent::kVectors;
  Vec<T> sum[R][kVectors] = {};
  const T* a = o.a + first_row * o.a_stride + m;
  for (int64_t row = 0; row < rows; ++row, a += o.a_stride) {
    Vec<T> b[kVectors];
    const T* from = o.b[first_row + row] + n;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      b[v] = extent.load(from, v);
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vec<T> x = broadcast(a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[i][v] += x * b[v];
      }
    }
  }
  for (int i = 0; i < R; ++i) {
    T* c = o.c + (m + i) * o.c_stride + n;
    for (int v = 0; v < kVectors; ++v) {
      extent.add(c, v, sum[i][v]);
    }
  }
}

// Four whole vectors of columns, one whole vector, or the part of one that is left.
template <class T>
struct WholeBlock {
  static constexpr int kVectors = kBlockVectors;
  Vec<T> load(const T* p, int v) const { return masked_rnn::load(p + v * kLanes<T>); }
  void add(T* p, int v, Vec<T> x) const {
    masked_rnn::store<T>(p + v * kLanes<T>, masked_rnn::load(p + v * kLanes<T>) + x);
  }
};
template <class T>
struct WholeVector {
  static constexpr int kVectors = 1;
  Vec<T> load(const T* p, int) const { return masked_rnn::load(p); }
  void add(T* p, int, Vec<T> x) const { masked_rnn::store<T>(p, masked_rnn::load(p) + x); }
};
template <class T>
struct PartialVector {
  static constexpr int kVectors = 1;
  int64_t count;
  Vec<T> load(const T* p, int) const { return masked_rnn::load(p, count); }
  void add(T* p, int, Vec<T> x) const {
    masked_rnn::store<T>(p, masked_rnn::load(p, count) + x, count);
  }
};

template <class T>
void outer(const OuterArguments<T>& o) {
  for (int64_t row = 0; row < o.rows; row += kOuterChunk) {
    const int64_t rows = o.rows - row < kOuterChunk ? o.rows - row : kOuterChunk;
    const auto columns = [&](int64_t n, const auto& extent) {
      for_row_tiles(o.last - o.first, [&](auto tile, int64_t m) {
        outer_tile<T, decltype(tile)::value>(o, row, rows, o.first + m, n, extent);
      });
    };
    int64_t n = 0;
    for (; n + kBlockVectors * kLanes<T> <= o.columns; n += kBlockVectors * kLanes<T>) {
      columns(n, WholeBlock<T>{});
    }
    for (; n + kLanes<T> <= o.columns; n += kLanes<T>) {
      columns(n, WholeVector<T>{});
    }
    if (n < o.columns) {
      columns(n, PartialVector<T>{o.columns - n});
    }
  }
}

}  // namespace
}  // namespace masked_rnn

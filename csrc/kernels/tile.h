// The register tile of every product: R rows times V vectors of accumulators, one chain of
// multiply-adds in the order of k for each element.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/vec/vec.h>

namespace masked_rnn {
namespace {

// Vectors in a column block, and rows of the largest tile: 24 accumulators where there are 32
// registers, 12 where there are 16.
constexpr int64_t kBlockVectors = 4;
constexpr int kTileRows = MASKED_RNN_VECTOR_BYTES == 64 ? 6 : 3;

template <class T, int R, int V>
inline void multiply_add(Vec<T> (&sum)[R][V], const T* const* a, const T* b, int64_t depth) {
  const T* rows[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    rows[r] = a[r];
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec<T> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      column[v] = load(b + (k * V + v) * kLanes<T>);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec<T> x = broadcast(rows[r][k]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        sum[r][v] += x * column[v];
      }
    }
  }
}

// Calls tile(std::integral_constant-like<R>, first row) until every row is in one tile.
template <int R>
struct Rows {
  static constexpr int value = R;
};

template <class Tile>
inline void for_row_tiles(int64_t rows, const Tile& tile) {
  int64_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) {
    tile(Rows<kTileRows>{}, r);
  }
  switch (rows - r) {
    case 5:
      return tile(Rows < 5 < kTileRows ? 5 : 1 > {}, r);
    case 4:
      return tile(Rows < 4 < kTileRows ? 4 : 1 > {}, r);
    case 3:
      return tile(Rows < 3 < kTileRows ? 3 : 1 > {}, r);
    case 2:
      return tile(Rows<2>{}, r);
    case 1:
      return tile(Rows<1>{}, r);
    default:
      return;
  }
}

// Calls block(extent, first unit) for blocks of `lanes` hidden units; the last may be partial.
template <class T, class Block>
inline void for_units(int64_t first, int64_t last, const Block& block) {
  int64_t j = first;
  for (; j + kLanes<T> <= last; j += kLanes<T>) {
    block(Whole<T>{}, j);
  }
  if (j < last) {
    block(Partial<T>{last - j}, j);
  }
}

}  // namespace
}  // namespace masked_rnn

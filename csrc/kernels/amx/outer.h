// Sums of outer products over rows on matrix tiles.
#pragma once

#include <masked_rnn/csrc/kernels/amx/tiles.h>
#include <masked_rnn/csrc/kernels/outer.h>

namespace masked_rnn {
namespace {

// Rows in one partial sum, and of the left side that are split at a time.
constexpr int64_t kOuterSlabs = 8;
constexpr int64_t kAmxOuterScratchSize = kOuterSlabs * kSlab;

// Blocks of 32 columns, each its slabs of rows.
inline int64_t amx_outer_side_size(int64_t rows, int64_t columns) {
  return (columns + kSquare - 1) / kSquare * slabs(rows) * kSlab;
}

inline void amx_pack_outer_side(const PackOuterSideArguments<float>& p) {
  for (int64_t first = 0; first < p.columns; first += kSquare) {
    const int64_t here = p.columns - first < kSquare ? p.columns - first : kSquare;
    float* slab = p.packed + first / kSquare * slabs(p.rows) * kSlab;
    // (Filled up with zeros.)
    for (int64_t begin = 0; begin < p.rows; begin += kTileDepth, slab += kSlab) {
      for (int64_t pair = 0; pair < kTileSide; ++pair) {
        const int64_t rows[2] = {begin + pair, begin + pair + kTileSide};
        // Of this slab, or of the next one.
        const int64_t ahead = pair < kRowsAhead ? kRowsAhead : kTileSide + kRowsAhead;
        for (int half = 0; p.cold && half < 2; ++half) {
          if (rows[half] + ahead < p.rows) {
            fetch(p.b[rows[half] + ahead] + first, here);
          }
        }
        for (int64_t n = 0; n < kSquare; n += kLanes<float>) {
          const auto numbers = [&](int64_t row) {
            const int64_t left = here - n;
            return row >= p.rows || left <= 0 ? Vec<float>{}
                   : left >= kLanes<float>    ? load(p.b[row] + first + n)
                                              : load(p.b[row] + first + n, left);
          };
          store_terms(numbers(rows[0]), numbers(rows[1]), slab + n / kTileSide * kTile, pair);
        }
      }
    }
  }
}

// 16 columns from a on, of which `columns` exist, and the terms of 32 rows, of which `rows` exist, to
// the first tile of each piece.
inline void split_left(const float* a, int64_t stride, int64_t rows, int64_t columns, float* to) {
  constexpr int64_t L = kLanes<float>;
  Vec<float> square[2][L];
  for (int half = 0; half < 2; ++half) {
    for (int64_t i = 0; i < L; ++i) {
      const int64_t row = half * L + i;
      square[half][i] = row >= rows    ? Vec<float>{}
                        : columns >= L ? load(a + row * stride)
                                       : load(a + row * stride, columns);
    }
    transpose<float>(square[half]);
  }
  for (int64_t m = 0; m < L; ++m) {
    store_terms(square[0][m], square[1][m], to, m);
  }
}

// Columns [m, m + kSquare) of the left side, as far as they exist, and the rows of some slabs from
// `first` on.
inline void amx_outer_block(const OuterArguments<float>& o, int64_t m, int64_t first) {
  const int64_t M = o.M - m < kSquare ? o.M - m : kSquare;
  const int64_t rows =
      o.rows - first < kOuterSlabs * kTileDepth ? o.rows - first : kOuterSlabs * kTileDepth;
  // Of a side's columns from n on, or of those of the side after it.
  const auto square = [&](int64_t i, int64_t n) -> Square {
    if (i < o.num_sides && n >= o.sides[i].columns) {
      n = 0;
      ++i;
    }
    if (i == o.num_sides) {
      return {};
    }
    const OuterSide<float>& side = o.sides[i];
    return {{side.c + m * side.c_stride + n, side.c_stride},
            M,
            side.columns - n,
            first > 0 || o.accumulate,
            nullptr};
  };
  fetch_square(square(0, 0));
  for (int64_t row = 0; row < rows; row += kTileDepth) {
    const float* a = o.a + (first + row) * o.a_stride + m;
    float* slab = o.scratch + row / kTileDepth * kSlab;
    split_left(a, o.a_stride, rows - row, M, slab);
    if (M > kTileSide) {
      split_left(a + kTileSide, o.a_stride, rows - row, M - kTileSide, slab + kTile);
    }
  }
  for (int64_t i = 0; i < o.num_sides; ++i) {
    const OuterSide<float>& side = o.sides[i];
    const float* block = side.packed + first / kTileDepth * kSlab;
    for (int64_t n = 0; n < side.columns; n += kSquare, block += slabs(o.rows) * kSlab) {
      multiply_square(
          square(i, n), o.scratch, block, slabs(rows), NextSquare{square(i, n + kSquare)});
    }
  }
}

inline void amx_outer(const OuterArguments<float>& o) {
  if (o.rows == 0) {
    return outer<float>(o);
  }
  const TileConfiguration tiles;
  for (int64_t m = 0; m < o.M; m += kSquare) {
    for (int64_t first = 0; first < o.rows; first += kOuterSlabs * kTileDepth) {
      amx_outer_block(o, m, first);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

// Sums of outer products over rows on matrix tiles.
#pragma once

#include <masked_rnn/csrc/kernels/amx/tile_makers.h>
#include <masked_rnn/csrc/kernels/outer.h>

namespace masked_rnn {
namespace {

// Rows in one partial sum, and of the left side that are split at a time: a block of it, beside as much of
// the right side, has room in the first-level cache.
constexpr int64_t kOuterSlabs = 4;
constexpr int64_t kSummedRows = kOuterSlabs * kTileDepth;
constexpr int64_t kLeftBlock = kOuterSlabs * kSlab;
constexpr int64_t kAmxOuterScratchSize = 2 * kLeftBlock;  // one is read while the next is made

// Blocks of 32 columns, each its slabs of rows.
inline int64_t amx_outer_side_size(int64_t rows, int64_t columns) {
  return squares(columns) * slabs(rows) * kSlab;
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

// A block of the left side: columns [m, m + kSquare) of rows [first, first + kSummedRows), as far as they
// exist.
struct LeftBlock {
  int64_t m, first, columns, rows;
};

inline LeftBlock left_block(const OuterArguments<float>& o, int64_t i) {
  const int64_t of_rows = (o.rows + kSummedRows - 1) / kSummedRows;
  const int64_t m = i / of_rows * kSquare, first = i % of_rows * kSummedRows;
  const int64_t columns = o.M - m, rows = o.rows - first;
  return {m, first, at_most(kSquare, columns), at_most(kSummedRows, rows)};
}

// Splits a block of the left side, of which each line of a tile takes a column.
class LeftSplitter {
 public:
  // (Nothing of a block that does not exist.)
  LeftSplitter(const OuterArguments<float>& o, const LeftBlock& block, float* to)
      : stride_(o.a_stride),
        block_(block),
        halves_(block.columns > kTileSide ? 2 : 1),
        left_(block.columns <= 0 ? 0 : slabs(block.rows) * halves_ * kStepsOfTile),
        from_(o.a + block.first * o.a_stride + block.m),
        to_(to) {}

  int64_t steps_left() const { return left_; }

  // (Not inlined: between products it stands many times.)
  __attribute__((noinline)) void do_steps(int64_t count) {
    for (count = at_most(left_, count), left_ -= count; count > 0; --count) {
      if (step_ < kStepsOfColumns) {
        take_columns(2 * step_);
      } else {
        make_line(step_ - kStepsOfColumns);
      }
      if (++step_ == kStepsOfTile) {
        step_ = 0;
        ++tile_;
      }
    }
  }

  const float* finish() {
    do_steps(left_);
    return to_;
  }

 private:
  // The tile's slab, and its half of the columns.
  int64_t slab() const { return halves_ == 2 ? tile_ >> 1 : tile_; }
  int64_t half() const { return halves_ == 2 ? tile_ & 1 : 0; }

  // Two quads.
  __attribute__((noinline)) void take_columns(int64_t quad) {
    const int64_t row = slab() * kTileDepth + 4 * quad, column = half() * kTileSide;
    const float* from = from_ + row * stride_ + column;
    const int64_t rows = block_.rows - row, columns = block_.columns - column;
    columns_.take(quad, from, stride_, rows, columns);
    columns_.take(quad + 1, from + 4 * stride_, stride_, rows - 4, columns);
  }

  MASKED_RNN_INLINE void make_line(int64_t m) {
    float* tile = to_ + slab() * kSlab + half() * kTile;
    store_terms(columns_.first(m), columns_.second(m), tile, m);
    fetch_line(tile, m + 1);
  }

  const int64_t stride_;
  const LeftBlock block_;
  const int64_t halves_;
  int64_t left_;
  const float* const from_;
  float* const to_;
  int64_t tile_ = 0, step_ = 0;
  Columns columns_;
};

// The next block of the left side is split meanwhile.
inline void multiply_block(TileConfiguration& tiles,
                           const OuterArguments<float>& o,
                           const LeftBlock& block,
                           const float* left,
                           LeftSplitter& next) {
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
    return {{side.c + block.m * side.c_stride + n, side.c_stride},
            block.columns,
            side.columns - n,
            block.first > 0 || o.accumulate,
            nullptr};
  };
  int64_t blocks = 0;
  for (int64_t i = 0; i < o.num_sides; ++i) {
    blocks += squares(o.sides[i].columns);
  }
  const int64_t groups = blocks * slabs(block.rows) * kProductsOfPieces;
  const int64_t steps = of_each(next.steps_left(), groups);
  fetch_square(square(0, 0));
  for (int64_t i = 0; i < o.num_sides; ++i) {
    const OuterSide<float>& side = o.sides[i];
    const float* right = side.packed + block.first / kTileDepth * kSlab;
    for (int64_t n = 0; n < side.columns; n += kSquare, right += slabs(o.rows) * kSlab) {
      multiply_square(tiles,
                      square(i, n),
                      left,
                      right,
                      slabs(block.rows),
                      NextSquareAndWork<LeftSplitter>{{square(i, n + kSquare)}, next, steps});
    }
  }
}

inline void amx_outer(const OuterArguments<float>& o) {
  if (o.rows == 0) {
    return outer<float>(o);
  }
  TileConfiguration tiles;
  const auto splitter = [&](int64_t i) {
    return LeftSplitter(o, left_block(o, i), o.scratch + i % 2 * kLeftBlock);
  };
  const float* left = splitter(0).finish();
  for (int64_t i = 0; left_block(o, i).columns > 0; ++i) {
    LeftSplitter next = splitter(i + 1);
    multiply_block(tiles, o, left_block(o, i), left, next);
    left = next.finish();
  }
}

}  // namespace
}  // namespace masked_rnn

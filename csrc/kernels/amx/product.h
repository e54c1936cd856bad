// Products of many rows with packed weights on matrix tiles. A row's sums do not depend on the rows
// beside it.
#pragma once

#include <masked_rnn/csrc/kernels/amx/pack.h>
#include <masked_rnn/csrc/kernels/product.h>
#include <masked_rnn/csrc/vec/kept.h>

namespace masked_rnn {
namespace {

// At most so many rows and terms at a time: 192 KB of pieces of rows in the second-level cache; of those
// 24 KB of a square's rows and as much of a block of weights have room in the first.
constexpr int64_t kProductRows = 256;
constexpr int64_t kProductSlabs = 4;

// Cold rows are fetched so many rows before.
constexpr int64_t kProductRowsAhead = 8;

// Some rows of a product, whose sums stand in equal distances.
struct ProductRows {
  int64_t rows;
  const float* const* a;  // [rows] -> [K]
  Sums sums;              // [rows, N]
};

// A row's terms as one line of each slab's tiles; zeros if any of them is wild, which is returned.
inline bool split_row(const float* row, int64_t depth, float* tiles) {
  Magnitude magnitude;
  const auto take = [&](const float* terms, float* to) __attribute__((always_inline)) {
    const Vec<float> first = load(terms), second = load(terms + kLanes<float>);
    magnitude.see(first);
    magnitude.see(second);
    store_terms(first, second, to, 0);
  };
  float* to = tiles;
  int64_t k = 0;
  for (; k + kTileDepth <= depth; k += kTileDepth, to += kSlab) {
    take(row + k, to);
  }
  if (k < depth) {
    float numbers[kTileDepth] = {};
    std::memcpy(numbers, row + k, static_cast<size_t>(depth - k) * sizeof(float));
    take(numbers, to);
  }
  if (!magnitude.wild()) {
    return false;
  }
  for (int64_t slab = 0; slab < slabs(depth); ++slab) {
    const Vec<float> zeros[kPieces] = {};
    store_line(zeros, tiles + slab * kSlab, 0);
  }
  return true;
}

// Weight k of a block's column n, put together again.
inline float weight_of(const float* block, int64_t k, int64_t n) {
  if (is_wild(block)) {
    return block[kBlockHeader + k * kSquare + n];
  }
  const float* tile = block + kBlockHeader + k / kTileDepth * kSlab + n / kTileSide * kTile +
                      k % kTileSide * kTileSide + n % kTileSide;
  float sum = 0;
  for (int piece = kPieces - 1; piece >= 0; --piece) {
    uint32_t pair;
    std::memcpy(&pair, tile + piece * kPieceTiles, sizeof(pair));
    pair = k % kTileDepth < kTileSide ? pair << 16 : pair & 0xffff0000;
    float number;
    std::memcpy(&number, &pair, sizeof(number));
    sum += number;
  }
  return sum;
}

// Adds terms [k_first, k_last) of the product of a row and a block that no tile has multiplied, because
// either is wild.
inline void add_wild(const float* row,
                     const float* block,
                     int64_t k_first,
                     int64_t k_last,
                     int64_t columns,
                     float* sums) {
  for (int64_t n = 0; n < columns && n < kSquare; ++n) {
    float sum = 0;
    for (int64_t k = k_first; k < k_last; ++k) {
      sum += row[k] * weight_of(block, k, n);
    }
    sums[n] += sum;
  }
}

// Adds terms [k_first, k_last) of all columns, or begins with them.
inline void multiply_terms(const ProductArguments<float>& p,
                           const ProductRows& rows,
                           int64_t k_first,
                           int64_t k_last,
                           float* left) {
  const int64_t depth = k_last - k_first, next_square = kProductSlabs * kSlab;
  // Of rows from `first` on and columns from n on, as far as there are any.
  const auto square = [&](int64_t first, int64_t n) -> Square {
    const int64_t here = n < p.columns ? rows.rows - first : 0;
    return {{rows.sums.first + first * rows.sums.stride + n, rows.sums.stride},
            here < kSquare ? here : kSquare,
            p.columns - n,
            /*add=*/k_first > 0,
            p.bias == nullptr || p.accumulate ? nullptr : p.bias + n};
  };
  fetch_square(square(0, 0));
  bool wild[kProductRows], any_wild = false;
  for (int64_t r = 0; r < rows.rows; ++r) {
    if (p.a_is_cold && r + kProductRowsAhead < rows.rows) {
      fetch(rows.a[r + kProductRowsAhead] + k_first, depth);
    }
    float* tiles = left + r / kSquare * next_square + r % kSquare / kTileSide * kTile;
    wild[r] = split_row(rows.a[r] + k_first, depth, tiles + r % kTileSide * kTileSide);
    any_wild |= wild[r];
  }
  const float* block = p.packed;
  for (int64_t n = 0; n < p.columns; n += kSquare, block += tile_block_size(p.depth)) {
    const int64_t count = is_wild(block) ? 0 : slabs(depth);
    const float* right = block + kBlockHeader + k_first / kTileDepth * kSlab;
    for (int64_t first = 0; first < rows.rows; first += kSquare) {
      const bool last = first + kSquare >= rows.rows;
      multiply_square(square(first, n),
                      left + first / kSquare * next_square,
                      right,
                      count,
                      last ? square(0, n + kSquare) : square(first + kSquare, n));
    }
    for (int64_t r = 0; (any_wild || is_wild(block)) && r < rows.rows; ++r) {
      if (wild[r] || is_wild(block)) {
        float* sums = rows.sums.first + r * rows.sums.stride + n;
        add_wild(rows.a[r], block, k_first, k_last, p.columns - n, sums);
      }
    }
  }
}

inline bool in_equal_distances(float* const* rows, int64_t count) {
  for (int64_t r = 2; r < count; ++r) {
    if (rows[r] - rows[r - 1] != rows[1] - rows[0]) {
      return false;
    }
  }
  return true;
}

// c (+)= sums.
inline void deliver(const ProductArguments<float>& p, int64_t first, const ProductRows& rows) {
  for (int64_t r = 0; r < rows.rows; ++r) {
    float* c = p.c[first + r];
    const float* sums = rows.sums.first + r * rows.sums.stride;
    if (p.c_is_cold && r + kProductRowsAhead < rows.rows) {
      fetch(p.c[first + r + kProductRowsAhead], p.columns);
    }
    for_units<float>(0, p.columns, [&](const auto& extent, int64_t n) {
      const Vec<float> sum = load(sums + n);
      extent.store(c + n, p.accumulate ? extent.load(c + n) + sum : sum);
    });
  }
}

inline void amx_product(const ProductArguments<float>& p) {
  if (p.rows == 0 || !on_tiles(p.depth)) {
    return product<float>(p);
  }
  thread_local Kept<float> kept_left, kept_sums;
  float* left = kept_left.at_least(kProductRows / kSquare * kProductSlabs * kSlab);
  const TileConfiguration tiles;
  // Equally many at a time, whole squares.
  const int64_t turns = (p.rows + kProductRows - 1) / kProductRows;
  const int64_t squares = (p.rows + turns * kSquare - 1) / (turns * kSquare);
  for (int64_t first = 0; first < p.rows; first += squares * kSquare) {
    const int64_t count = p.rows - first < squares * kSquare ? p.rows - first : squares * kSquare;
    ProductRows rows{count, p.a + first, {p.c[first], count > 1 ? p.c[first + 1] - p.c[first] : 0}};
    const bool in_place = !p.accumulate && in_equal_distances(p.c + first, count);
    if (!in_place) {
      // Whole squares, and not a power of two apart.
      rows.sums.stride = (p.columns + kSquare - 1) / kSquare * kSquare + kLanes<float>;
      rows.sums.first = kept_sums.at_least(kProductRows * rows.sums.stride);
    }
    for (int64_t k = 0; k < p.depth; k += kProductSlabs * kTileDepth) {
      const int64_t k_last = k + kProductSlabs * kTileDepth;
      multiply_terms(p, rows, k, k_last < p.depth ? k_last : p.depth, left);
    }
    if (!in_place) {
      deliver(p, first, rows);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

// The matrix tiles of AMX: 32 rows times 32 columns of float32 sums of products of bfloat16.
//
// Left sides and right sides lie in memory as slabs of kTileDepth terms of the sums, one after the other:
// of each piece two tiles, which hold 16 rows (of a right side: columns) each. A tile of a left side has
// the 32 terms of a row per line, one of a right side a pair of terms of its 16 columns.
#pragma once

#include <masked_rnn/csrc/kernels/amx/pieces.h>
#include <masked_rnn/csrc/kernels/pack.h>

namespace masked_rnn {
namespace {

constexpr int64_t kTileSide = 16;
constexpr int64_t kTileDepth = 32;
constexpr int64_t kTile = 16 * 16;  // floats that a tile takes in memory
constexpr int64_t kPieceTiles = 2 * kTile;
constexpr int64_t kSlab = kPieces * kPieceTiles;
constexpr int64_t kSquare = 2 * kTileSide;  // rows and columns of the sums

// Of the pieces of two numbers those that are multiplied with each other.
constexpr int64_t kProductsOfPieces = kPieces * (kPieces + 1) / 2;

// (Not std::min, a function that the linker might share with processors without AMX.)
constexpr int64_t at_most(int64_t most, int64_t n) { return n < most ? n : most; }

// The squares that cover so many rows, or columns.
constexpr int64_t squares(int64_t n) { return (n + kSquare - 1) / kSquare; }

// How much of `count` is done with each of `groups` groups of products.
constexpr int64_t of_each(int64_t count, int64_t groups) {
  return groups == 0 ? 0 : (count + groups - 1) / groups;
}

constexpr int64_t slabs(int64_t depth) { return (depth + kTileDepth - 1) / kTileDepth; }

// While it lives the thread's tiles can be used: eight of up to 16 lines of 64 bytes. Tiles 0 to 3 are
// sums, 4 and 5 of the left side, 6 and 7 of the right.
class TileConfiguration {
 public:
  TileConfiguration() { configure(kSquare); }
  ~TileConfiguration() { _tile_release(); }
  TileConfiguration(const TileConfiguration&) = delete;
  TileConfiguration& operator=(const TileConfiguration&) = delete;

  // How many rows of a square exist: tiles with fewer lines are multiplied faster. What they hold is lost.
  MASKED_RNN_INLINE void set_rows(int64_t rows) {
    if (rows != rows_) {
      configure(rows);
    }
  }

 private:
  void configure(int64_t rows) {
    const auto first = static_cast<uint8_t>(rows < kTileSide ? rows : kTileSide);
    const auto second = static_cast<uint8_t>(rows > kTileSide ? rows - kTileSide : kTileSide);
    // Palette 1, then from byte 16 on how many bytes a tile's lines have, from byte 48 on how many lines.
    const struct alignas(64) {
      uint16_t palette[8] = {1};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t lines[16];
    } configuration{.lines = {first, first, second, second, first, second, 16, 16}};
    // (GCC believes that the instruction reads a pointer's size of it.)
    asm volatile("" : : "m"(configuration));
    _tile_loadconfig(&configuration);
    rows_ = rows;
  }

  int64_t rows_ = 0;
};

template <int Rows>
MASKED_RNN_INLINE void load_left(const float* tiles) {
  _tile_loadd(4, tiles, 64);
  if constexpr (Rows == 2) {
    _tile_loadd(5, tiles + kTile, 64);
  }
}

template <int Columns>
MASKED_RNN_INLINE void load_right(const float* tiles) {
  _tile_loadd(6, tiles, 64);
  if constexpr (Columns == 2) {
    _tile_loadd(7, tiles + kTile, 64);
  }
}

template <int Rows, int Columns>
MASKED_RNN_INLINE void multiply_tiles() {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (Columns == 2) {
    _tile_dpbf16ps(1, 4, 7);
  }
  if constexpr (Rows == 2) {
    _tile_dpbf16ps(2, 5, 6);
  }
  if constexpr (Rows == 2 && Columns == 2) {
    _tile_dpbf16ps(3, 5, 7);
  }
}

// The tiles of sums in memory, rows `stride` elements apart.
struct Sums {
  float* first;
  int64_t stride;

  MASKED_RNN_INLINE float* tile(int64_t row, int64_t column) const {
    return first + row * kTileSide * stride + column * kTileSide;
  }
  int64_t bytes() const { return stride * static_cast<int64_t>(sizeof(float)); }
};

template <int Rows, int Columns>
MASKED_RNN_INLINE void load_sums(const Sums& sums) {
  _tile_loadd(0, sums.tile(0, 0), sums.bytes());
  if constexpr (Columns == 2) {
    _tile_loadd(1, sums.tile(0, 1), sums.bytes());
  }
  if constexpr (Rows == 2) {
    _tile_loadd(2, sums.tile(1, 0), sums.bytes());
  }
  if constexpr (Rows == 2 && Columns == 2) {
    _tile_loadd(3, sums.tile(1, 1), sums.bytes());
  }
}

template <int Rows, int Columns>
MASKED_RNN_INLINE void store_sums(const Sums& sums) {
  _tile_stored(0, sums.tile(0, 0), sums.bytes());
  if constexpr (Columns == 2) {
    _tile_stored(1, sums.tile(0, 1), sums.bytes());
  }
  if constexpr (Rows == 2) {
    _tile_stored(2, sums.tile(1, 0), sums.bytes());
  }
  if constexpr (Rows == 2 && Columns == 2) {
    _tile_stored(3, sums.tile(1, 1), sums.bytes());
  }
}

// Sums of which only the first `rows` rows and `columns` columns exist.
struct Square {
  Sums sums;
  int64_t rows, columns;
  bool add;              // to what stands there; else
  const float* initial;  // [columns] to this; 0 if it is null

  bool fills_tiles() const { return columns >= kSquare || columns == kTileSide; }
};

// Into the first-level cache, to be written soon.
MASKED_RNN_INLINE void fetch_row(const Square& square, int64_t row) {
  const float* first = square.sums.first + row * square.sums.stride;
  __builtin_prefetch(first, /*write=*/1);
  if (square.columns > kTileSide) {
    __builtin_prefetch(first + kTileSide, /*write=*/1);
  }
}

MASKED_RNN_INLINE void fetch_square(const Square& square) {
  for (int64_t row = 0; row < square.rows; ++row) {
    fetch_row(square, row);
  }
}

// What is done while a square is computed: the one that comes then is fetched, which has no rows if none
// does. What derives from it says what else is done, with_products() each group of products.
struct NextSquare {
  Square square;
};

// to = from + the product of `count` slabs of each side, and what `ahead` does meanwhile. Of each two
// tiles only the first counts where Rows or Columns is 1.
template <int Rows, int Columns, class Ahead>
inline void multiply_slabs(const float* left,
                           const float* right,
                           int64_t count,
                           const Sums& from,
                           const Sums& to,
                           Ahead ahead) {
  const int64_t groups = count * kProductsOfPieces;
  // Rows to fetch with each group of products.
  const int64_t each = of_each(ahead.square.rows, groups);
  int64_t fetched = 0;
  // (The tiles' loads and stores are no memory accesses in the compiler's eyes.)
  asm volatile("" ::: "memory");
  load_sums<Rows, Columns>(from);
  for (int64_t i = 0; i < count; ++i, left += kSlab, right += kSlab) {
#pragma GCC unroll 3
    for (int piece = 0; piece < kPieces; ++piece) {
      load_left<Rows>(left + piece * kPieceTiles);
#pragma GCC unroll 3
      for (int other = 0; other < kPieces - piece; ++other) {
        load_right<Columns>(right + other * kPieceTiles);
        multiply_tiles<Rows, Columns>();
        for (int64_t row = 0; row < each && fetched < ahead.square.rows; ++row, ++fetched) {
          fetch_row(ahead.square, fetched);
        }
        ahead.with_products();
      }
    }
  }
  store_sums<Rows, Columns>(to);
  asm volatile("" ::: "memory");
}

// The same for the first `rows` rows and `columns` columns of the sums, at least.
template <class Ahead>
inline void multiply_slabs(const float* left,
                           const float* right,
                           int64_t count,
                           int64_t rows,
                           int64_t columns,
                           const Sums& from,
                           const Sums& to,
                           Ahead ahead) {
  if (rows > kTileSide) {
    if (columns > kTileSide) {
      multiply_slabs<2, 2>(left, right, count, from, to, ahead);
    } else {
      multiply_slabs<2, 1>(left, right, count, from, to, ahead);
    }
  } else if (columns > kTileSide) {
    multiply_slabs<1, 2>(left, right, count, from, to, ahead);
  } else {
    multiply_slabs<1, 1>(left, right, count, from, to, ahead);
  }
}

inline void copy_square(const Square& square, const Sums& from, const Sums& to) {
  const int64_t columns = square.columns < kSquare ? square.columns : kSquare;
  for (int64_t r = 0; r < square.rows; ++r) {
    for_units<float>(0, columns, [&](const auto& extent, int64_t n) {
      extent.store(to.first + r * to.stride + n, extent.load(from.first + r * from.stride + n));
    });
  }
}

// Adds the product of `count` slabs of each side. What does not exist is neither read nor written.
template <class Ahead>
inline void multiply_square(TileConfiguration& tiles,
                            const Square& square,
                            const float* left,
                            const float* right,
                            int64_t count,
                            Ahead ahead) {
  alignas(64) static constexpr float kZeros[kSquare] = {};
  alignas(64) float copied[kSquare * kSquare], line[kSquare];
  const Sums copy{copied, kSquare};
  const bool in_place = square.fills_tiles();
  const Sums to = in_place ? square.sums : copy;
  Sums from{const_cast<float*>(square.initial == nullptr ? kZeros : square.initial), 0};
  if (square.add) {
    from = to;
    if (!in_place) {
      copy_square(square, square.sums, copy);
    }
  } else if (square.initial != nullptr && square.columns < kSquare) {
    std::memset(line, 0, sizeof(line));
    std::memcpy(line, square.initial, static_cast<size_t>(square.columns) * sizeof(float));
    from.first = line;
  }
  tiles.set_rows(square.rows);
  multiply_slabs(left, right, count, square.rows, square.columns, from, to, ahead);
  if (!in_place) {
    copy_square(square, copy, square.sums);
  }
}

// Line `line` of the first tile of each piece.
MASKED_RNN_INLINE void store_line(const Vec<float> (&pieces)[kPieces], float* tiles, int64_t line) {
#pragma GCC unroll 3
  for (int piece = 0; piece < kPieces; ++piece) {
    store<float>(tiles + piece * kPieceTiles + line * kTileSide, pieces[piece]);
  }
}

// Line `line` of the tiles that are made next.
MASKED_RNN_INLINE void fetch_line(float* tiles, int64_t line) {
#pragma GCC unroll 3
  for (int piece = 0; piece < kPieces; ++piece) {
    __builtin_prefetch(tiles + piece * kPieceTiles + line * kTileSide, /*write=*/1);
  }
}

// The same of the pieces of 32 terms.
MASKED_RNN_INLINE void store_terms(Vec<float> first,
                                   Vec<float> second,
                                   float* tiles,
                                   int64_t line) {
  Vec<float> pieces[kPieces];
  split_pairs(first, second, pieces);
  store_line(pieces, tiles, line);
}

}  // namespace
}  // namespace masked_rnn

// Products of many rows with packed weights on matrix tiles. A row's sums do not depend on the rows
// beside it.
#pragma once

#include <masked_rnn/csrc/kernels/amx/pack.h>
#include <masked_rnn/csrc/kernels/product.h>
#include <masked_rnn/csrc/vec/kept.h>

namespace masked_rnn {
namespace {

// At most so many rows at a time, and the terms of a stack: 192 KB of pieces of rows in the second-level
// cache.
constexpr int64_t kProductRows = 256;

// Cold rows are fetched so many rows before.
constexpr int64_t kProductRowsAhead = 8;

// Some rows of a product, whose sums stand in equal distances.
struct ProductRows {
  int64_t rows;
  const float* const* a;  // [rows] -> [K]
  Sums sums;              // [rows, N]
};

// A row's terms as a line of a slab's tiles; 0 beyond the first `count`.
MASKED_RNN_INLINE void split_terms(const float* terms,
                                   int64_t count,
                                   float* line,
                                   Magnitude& magnitude) {
  const auto load_half = [&](int64_t half) __attribute__((always_inline)) {
    const int64_t here = count - half * kLanes<float>;
    return here >= kLanes<float> ? load(terms + half * kLanes<float>)
           : here > 0            ? load(terms + half * kLanes<float>, here)
                                 : Vec<float>{};
  };
  const Vec<float> first = load_half(0), second = load_half(1);
  magnitude.see(first);
  magnitude.see(second);
  store_terms(first, second, line, 0);
}

// Splits some terms of rows: a row's are one line of each slab's tiles, or zeros if any of them is wild.
class RowSplitter {
 public:
  // Terms [k_first, k_last). Rows that are cold are fetched some rows before.
  RowSplitter(
      const float* const* a, int64_t rows, int64_t k_first, int64_t k_last, bool cold, float* to)
      : a_(a),
        rows_(rows),
        k_first_(k_first),
        depth_(k_last - k_first),
        fetched_(cold ? rows - kProductRowsAhead : 0),
        left_(rows * slabs(depth_)),
        to_(to) {
    begin_row();
  }

  int64_t steps_left() const { return left_; }

  // A slab's terms of a row each. (Not inlined: between products it stands many times.)
  __attribute__((noinline)) void do_steps(int64_t count) {
    for (count = at_most(left_, count), left_ -= count; count > 0; --count) {
      split_terms(terms_, terms_left_, line_, magnitude_);
      fetch_line(line_, 1);
      terms_ += kTileDepth;
      line_ += kSlab;
      terms_left_ -= kTileDepth;
      if (terms_left_ <= 0) {
        finish_row();
      }
    }
  }

  const float* finish() {
    do_steps(left_);
    return to_;
  }

  bool wild(int64_t row) const { return wild_[row]; }
  bool any_wild() const { return any_wild_; }

 private:
  float* line() const {
    const auto row = static_cast<uint64_t>(row_);
    return to_ + row / kSquare * kStackSize + row % kSquare / kTileSide * kTile +
           row % kTileSide * kTileSide;
  }

  // If there is one left.
  MASKED_RNN_INLINE void begin_row() {
    terms_left_ = depth_;
    line_ = line();
    if (row_ < fetched_) {
      fetch(a_[row_ + kProductRowsAhead] + k_first_, depth_);
    }
    if (row_ < rows_) {
      terms_ = a_[row_] + k_first_;
    }
  }

  MASKED_RNN_INLINE void finish_row() {
    wild_[row_] = magnitude_.wild();
    if (wild_[row_]) {
      any_wild_ = true;
      for (int64_t slab = 0; slab < slabs(depth_); ++slab) {
        const Vec<float> zeros[kPieces] = {};
        store_line(zeros, line() + slab * kSlab, 0);
      }
    }
    magnitude_ = {};
    ++row_;
    begin_row();
  }

  const float* const* a_;
  int64_t rows_, k_first_, depth_, fetched_;
  int64_t left_;
  float* to_;
  int64_t row_ = 0;
  const float* terms_ = nullptr;
  int64_t terms_left_ = 0;
  float* line_ = nullptr;
  Magnitude magnitude_;
  bool any_wild_ = false;
  bool wild_[kProductRows];
};

// Some terms of a block of weights.
struct Stack {
  const float* slabs;
  bool wild;  // kept as it is
};

// The stack of a packed weight's block whose first column is n and whose first term is k_first.
inline Stack packed_stack(const ProductArguments<float>& p, int64_t n, int64_t k_first) {
  const float* block = p.packed + amx_packed_size(p.depth, n, 1);
  return {block + block_header(p.depth) + k_first / kTileDepth * kSlab,
          block[k_first / kStackDepth] != 0};
}

// Weight k of a stack's column n, put together again.
inline float weight_of(const Stack& stack, int64_t k, int64_t n) {
  if (stack.wild) {
    return stack.slabs[k * kSquare + n];
  }
  const float* tile = stack.slabs + k / kTileDepth * kSlab + n / kTileSide * kTile +
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

// Adds the product of `depth` terms of a row and a stack that no tile has multiplied, because either is
// wild.
inline void add_wild(
    const float* row, const Stack& stack, int64_t depth, int64_t columns, float* sums) {
  for (int64_t n = 0; n < columns && n < kSquare; ++n) {
    float sum = 0;
    for (int64_t k = 0; k < depth; ++k) {
      sum += row[k] * weight_of(stack, k, n);
    }
    sums[n] += sum;
  }
}

// How many lines of the next block of weights are fetched with each product of pieces. (For fewer squares
// they would be so many at a time that these wait for them longer than for what is not fetched.)
inline int64_t fetched_lines(const ProductArguments<float>& p, int64_t rows) {
  constexpr int64_t kLines = kStackSize / kLine<float> / (kStackSlabs * kProductsOfPieces);
  return p.packed_is_cold && squares(rows) > 2 ? of_each(kLines, squares(rows)) : 0;
}

// While a square is computed, lines of what it reads then are fetched, and rows are split that come then.
struct NextSquareLinesAndRows : NextSquare {
  const float* from;
  int64_t lines;
  RowSplitter& rows;
  int64_t steps;

  MASKED_RNN_INLINE void with_products() {
    for (int64_t i = 0; i < lines; ++i, from += kLine<float>) {
      __builtin_prefetch(from);
    }
    rows.do_steps(steps);
  }
};

// Adds terms [k_first, k_last), those of a stack, of all columns, or begins with them. `next` are the
// terms that come then.
inline void multiply_terms(TileConfiguration& tiles,
                           const ProductArguments<float>& p,
                           const ProductRows& rows,
                           int64_t k_first,
                           int64_t k_last,
                           RowSplitter& split,
                           RowSplitter& next) {
  const int64_t depth = k_last - k_first;
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
  const float* left = split.finish();
  // A block of weights. ahead(square, first) is what is done while the square of rows from `first` on is
  // computed, before `square`.
  const auto multiply_block = [&](int64_t n, const Stack& stack, const auto& ahead) {
    const int64_t count = stack.wild ? 0 : slabs(depth);
    for (int64_t first = 0; first < rows.rows; first += kSquare) {
      const bool last = first + kSquare >= rows.rows;
      multiply_square(tiles,
                      square(first, n),
                      left + first / kSquare * kStackSize,
                      stack.slabs,
                      count,
                      ahead(last ? square(0, n + kSquare) : square(first + kSquare, n), first));
    }
    for (int64_t r = 0; (split.any_wild() || stack.wild) && r < rows.rows; ++r) {
      if (split.wild(r) || stack.wild) {
        float* sums = rows.sums.first + r * rows.sums.stride + n;
        add_wild(rows.a[r] + k_first, stack, depth, p.columns - n, sums);
      }
    }
  };
  // Groups of products with a block of weights.
  const int64_t groups = squares(rows.rows) * slabs(depth) * kProductsOfPieces;
  if (p.packed != nullptr) {
    // The next block's stack is fetched, shared out among the squares of this one.
    const int64_t fetched = fetched_lines(p, rows.rows);
    const int64_t blocks = squares(p.columns);
    const int64_t steps = of_each(next.steps_left(), blocks * groups);
    for (int64_t n = 0; n < p.columns; n += kSquare) {
      const Stack stack = packed_stack(p, n, k_first);
      const int64_t lines = n + kSquare < p.columns ? fetched : 0;
      const float* from = lines > 0 ? stack.slabs + tile_block_size(p.depth) : nullptr;
      const int64_t of_square = lines * slabs(depth) * kProductsOfPieces * kLine<float>;
      multiply_block(n, stack, [&](const Square& then, int64_t first) {
        return NextSquareLinesAndRows{
            {then}, from + first / kSquare * of_square, lines, next, steps};
      });
    }
    return;
  }
  // The next block's stack is packed meanwhile, to the other of two places.
  thread_local Kept<float> kept;
  float* slabs_of = kept.at_least(2 * kStackSize);
  const auto place = [&](int64_t n) { return slabs_of + n / kSquare % 2 * kStackSize; };
  bool is_wild = StackPacker(p.weight, 0, k_first, place(0)).finish();
  for (int64_t n = 0; n < p.columns; n += kSquare) {
    StackPacker packer(p.weight, n + kSquare, k_first, place(n + kSquare));
    const int64_t steps = of_each(packer.steps_left(), groups);
    multiply_block(n, {place(n), is_wild}, [&](const Square& then, int64_t) {
      return NextSquareAndWork<StackPacker>{{then}, packer, steps};
    });
    is_wild = packer.finish();
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
  constexpr int64_t kLeftSize = kProductRows / kSquare * kStackSize;
  float* left = kept_left.at_least(2 * kLeftSize);
  TileConfiguration tiles;
  // Equally many at a time, whole squares.
  const int64_t turns = (p.rows + kProductRows - 1) / kProductRows;
  const int64_t rows_of_turn = of_each(squares(p.rows), turns) * kSquare,
                stacks = (p.depth + kStackDepth - 1) / kStackDepth;
  const auto rows_from = [&](int64_t first) {
    return first < p.rows ? at_most(rows_of_turn, p.rows - first) : 0;
  };
  // The rows of a turn and the terms of a stack, for all turns and stacks.
  const auto splitter = [&](int64_t i) {
    const int64_t first = i / stacks * rows_of_turn, k = i % stacks * kStackDepth;
    return RowSplitter(p.a + first,
                       rows_from(first),
                       k,
                       at_most(p.depth, k + kStackDepth),
                       p.a_is_cold,
                       left + i % 2 * kLeftSize);
  };
  RowSplitter split = splitter(0);
  int64_t i = 0;
  for (int64_t first = 0; first < p.rows; first += rows_of_turn) {
    const int64_t count = rows_from(first);
    ProductRows rows{count, p.a + first, {p.c[first], count > 1 ? p.c[first + 1] - p.c[first] : 0}};
    const bool in_place = !p.accumulate && in_equal_distances(p.c + first, count);
    if (!in_place) {
      // Whole squares, and not a power of two apart.
      rows.sums.stride = squares(p.columns) * kSquare + kLanes<float>;
      rows.sums.first = kept_sums.at_least(kProductRows * rows.sums.stride);
    }
    for (int64_t k = 0; k < p.depth; k += kStackDepth) {
      RowSplitter next = splitter(++i);
      multiply_terms(tiles, p, rows, k, at_most(p.depth, k + kStackDepth), split, next);
      split = next;
    }
    if (!in_place) {
      deliver(p, first, rows);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

// The register tile of every product: R rows times V vectors of accumulators, one chain of
// multiply-adds in the order of k for each element.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/vec/fetch.h>
#include <masked_rnn/csrc/vec/operands.h>

#include <type_traits>

namespace masked_rnn {
namespace {

// Vectors in a column block.
constexpr int kBlockVectors = 4;

// Accumulators of the largest tile: 24 where there are 32 registers, 12 where there are 16.
constexpr int kAccumulators = MASKED_RNN_VECTOR_BYTES == 64 ? 24 : 12;

// Rows of the largest tile that is V vectors wide.
template <int V>
constexpr int kTileRows = kAccumulators / V;

// Operands that a tile multiplies between two times of fetching ahead: a cache line of a row. Were
// something fetched or only asked about at each operand, the loop would take half as long again where
// another program shares the core, which leaves it half of the instructions.
template <class T>
constexpr int64_t kFetchedOperands = kLine<T>;

// Fetches a tile of R rows of V vectors, which row(r) begins, into the first-level cache, to be written.
template <class T, int R, int V, class Row>
MASKED_RNN_INLINE void fetch_tile(const Row& row) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const T* to = row(r);
#pragma GCC unroll 4
    for (int64_t i = 0; i < V * kLanes<T>; i += kLine<T>) {
      __builtin_prefetch(to + i, /*write=*/1);
    }
  }
}

// Fetches what R rows have from k on, kFetchedOperands of them: those of a later tile while the loop
// walks the same elements of this one's rows.
template <class T, int R>
MASKED_RNN_INLINE void fetch_rows(const T* const* rows, int64_t k) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    __builtin_prefetch(rows[r] + k);
  }
}

// What tile `tile` of `tiles` over a block of packed weights, V vectors at each of `depth` operands,
// fetches of the block that comes after it: one line for each operand of its loop, so that some tiles
// fetch all of it, while the others compute. Null if there is nothing left to fetch, and for a single
// tile, which waits for its own block.
template <class T, int V>
inline const T* part_of_block(const T* next, int64_t depth, int64_t tile, int64_t tiles) {
  constexpr int64_t kParts = (V * kLanes<T> + kLine<T> - 1) / kLine<T>;
  return next != nullptr && tiles > 1 && tile < kParts ? next + tile * depth * kLine<T> : nullptr;
}

// Lines [first, first + count) of such a part.
template <class T>
MASKED_RNN_INLINE void fetch_lines(const T* part, int64_t first, int64_t count) {
  for (int64_t i = first; i < first + count; ++i) {
    __builtin_prefetch(part + i * kLine<T>, /*write=*/0, /*locality=*/2);
  }
}

// Of a tile that fetches nothing.
struct NoFetch {};

// Of each row or of each vector of columns, whichever are fewer, a tile of 16 registers holds an operand,
// beside its sums and one operand of the others. With 32 registers there is room for either.
template <int R, int V>
constexpr bool kHoldsRows = MASKED_RNN_VECTOR_BYTES == 32 && R < V;

// Of two or three rows the compiler would let each multiply-add read its column from memory, where that is
// what the loop has to wait for: three rows took as long as four. (It finds a better order by itself for more
// rows, and with fewer sums a multiply-add's own time decides.)
template <int R, int V>
constexpr bool kReadsOnce = (R == 2 || R == 3) && R* V >= 8;

// sum[r][v] += row(r) * columns[v], one operand of each.
template <class T, int R, int V, class Row>
MASKED_RNN_INLINE void add_operand(Vec<T> (&sum)[R][V], const Row& row, const T* columns) {
  if constexpr (kHoldsRows<R, V>) {
    Vec<T> x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      x[r] = broadcast(row(r));
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vec<T> column = load(columns + v * kLanes<T>);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        sum[r][v] = multiply_add_registers<T>(x[r], column, sum[r][v]);
      }
    }
  } else {
    Vec<T> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      column[v] = load(columns + v * kLanes<T>);
      if constexpr (kReadsOnce<R, V>) {
        keep_in_register(column[v]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec<T> x = broadcast(row(r));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        sum[r][v] = multiply_add_registers<T>(x, column[v], sum[r][v]);
      }
    }
  }
}

// Operands between two questions whether there are more: where vectors are short, so are their
// multiply-adds, and what else a loop does weighs more.
constexpr int kOperandsAtOnce = MASKED_RNN_VECTOR_BYTES == 32 ? 4 : 1;

// Calls operand(k) for k in [first, last).
template <class Operand>
MASKED_RNN_INLINE void for_operands(int64_t first, int64_t last, const Operand& operand) {
  int64_t k = first;
  for (; k + kOperandsAtOnce <= last; k += kOperandsAtOnce) {
#pragma GCC unroll 4
    for (int i = 0; i < kOperandsAtOnce; ++i) {
      operand(k + i);
    }
  }
  for (; k < last; ++k) {
    operand(k);
  }
}

// sum[r][v] += sum over operands k in [first, last) of a[r][k] * b[k - first][v]. On the way
// fetch(operands done, operands that come now) is called, of kFetchedOperands and fewer at the end.
template <class T, int R, int V, class Fetch>
MASKED_RNN_INLINE void add_products(Vec<T> (&sum)[R][V],
                                    const T* const* a,
                                    const T* b,
                                    int64_t first,
                                    int64_t last,
                                    const Fetch& fetch) {
  const T* rows[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    rows[r] = a[r];
  }
  for (int64_t k = first; k < last;) {
    int64_t end = last;
    if constexpr (!std::is_same_v<Fetch, NoFetch>) {
      end = last - k < kFetchedOperands<T> ? last : k + kFetchedOperands<T>;
      fetch(k - first, end - k);
    }
    for_operands(
        k, end, [&](int64_t i) __attribute__((always_inline)) {
          add_operand<T, R, V>(
              sum,
              [&](int r) __attribute__((always_inline)) { return rows[r][i]; },
              b + (i - first) * V * kLanes<T>);
        });
    k = end;
  }
}

// Calls visit(i, next) for i in [0, count), or from the last to the first; `next` is the one that comes
// then, or -1.
template <class Visit>
MASKED_RNN_INLINE void in_order(int64_t count, bool backwards, const Visit& visit) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t after = i + 1 < count ? i + 1 : -1;
    if (backwards) {
      visit(count - 1 - i, after < 0 ? after : count - 1 - after);
    } else {
      visit(i, after);
    }
  }
}

template <int N>
struct Constant {
  static constexpr int value = N;
};

template <int Largest>
constexpr int64_t row_tiles(int64_t rows) {
  return (rows + Largest - 1) / Largest;
}

// Calls tile(Constant<R>, first row) until every row is in one tile. The tiles are of almost equal
// size: one of six rows and one of two would take longer than two of four.
template <int Largest, class Tile>
inline void for_row_tiles(int64_t rows, const Tile& tile) {
  const int64_t tiles = row_tiles<Largest>(rows);
  int64_t first = 0;
  for (int64_t left = tiles; left > 0; --left) {
    const int64_t here = (rows - first + left - 1) / left;
    switch (here) {
      case 1:
        tile(Constant<1>{}, first);
        break;
      case 2:
        tile(Constant<2>{}, first);
        break;
      case 3:
        tile(Constant<3>{}, first);
        break;
      case 4:
        tile(Constant < 4 <= Largest ? 4 : 1 > {}, first);
        break;
      case 5:
        tile(Constant < 5 <= Largest ? 5 : 1 > {}, first);
        break;
      case 6:
        tile(Constant < 6 <= Largest ? 6 : 1 > {}, first);
        break;
      case 7:
        tile(Constant < 7 <= Largest ? 7 : 1 > {}, first);
        break;
      default:
        tile(Constant < 8 <= Largest ? 8 : 1 > {}, first);
        break;
    }
    first += here;
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

// Writes a tile's sums to each of R places, or adds them to what is there: `columns` of them, or all. The
// places are values: were they read from memory here, each would be read again for every vector that is
// written.
template <class T, int R, int V>
MASKED_RNN_INLINE void write_tile(Vec<T> (&sum)[R][V],
                                  T* const (&to)[R],
                                  int64_t columns,
                                  bool add) {
  constexpr int64_t all = V * kLanes<T>;
  // (Were it as likely, whole tiles of products would take 1-5% longer.)
  if (columns < all) [[unlikely]] {
    T sums[R][all];
    std::memcpy(sums, sum, sizeof(sums));
    for (int i = 0; i < R; ++i) {
      for_units<T>(0, columns, [&](const auto& extent, int64_t n) {
        const Vec<T> here = load(sums[i] + n);
        extent.store(to[i] + n, add ? extent.load(to[i] + n) + here : here);
      });
    }
    return;
  }
  if (add) {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        sum[i][v] = load(to[i] + v * kLanes<T>) + sum[i][v];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      store<T>(to[i] + v * kLanes<T>, sum[i][v]);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

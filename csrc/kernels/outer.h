// Sums of outer products over rows: the gradients of weights and biases.
#pragma once

#include <masked_rnn/csrc/kernels/left_side.h>

namespace masked_rnn {
namespace {

constexpr int64_t kSummedRowsOfColumns = 32;

// Where vectors are short, so are the steps: fetching at each of them costs more than it gains.
constexpr bool kFetchesLeftSide = MASKED_RNN_VECTOR_BYTES == 64;

// Cold rows are fetched so many rows before.
constexpr int64_t kRowsAhead = 8;

template <class T>
constexpr int64_t kSideColumns = kBlockVectors* kLanes<T>;

// Blocks of kSideColumns columns, [block][operand][column].
template <class T>
int64_t outer_side_size(int64_t rows, int64_t columns) {
  return (columns + kSideColumns<T> - 1) / kSideColumns<T> * kSideColumns<T> * operands(rows);
}

// block[k][n] = b[row][n], for the operand k of a row or of several together; 0 beyond the last column.
template <class T>
void pack_outer_side(const PackOuterSideArguments<T>& p) {
  for (int64_t first = 0; first < p.columns; first += kSideColumns<T>) {
    const int64_t here = p.columns - first < kSideColumns<T> ? p.columns - first : kSideColumns<T>;
    T* block = p.packed + first * operands(p.rows);
    for (int64_t row = 0; row < p.rows; row += kTerms, block += kSideColumns<T>) {
      if (p.cold && row + kRowsAhead < p.rows) {
        fetch(p.b[row + kRowsAhead] + first, here);
      }
      const T* from = p.b[row] + first;
      const T* second = row + 1 < p.rows ? p.b[row + 1] + first : nullptr;
      int64_t n = 0;
      for (; n + kLanes<T> <= here; n += kLanes<T>) {
        store<T>(block + n, operands_across(from + n, from_number(second, n)));
      }
      for (; n < kSideColumns<T>; ++n) {
        block[n] = n < here ? operand(from + n, from_number(second, n)) : 0;
      }
    }
  }
}

// c (+)= the sum over `depth` operands, which are at most kSummedOperands.
template <class T, int R>
inline void outer_sum(const T* a,
                      int64_t next_operand,
                      const T* b,
                      int64_t depth,
                      bool accumulate,
                      T* c,
                      int64_t c_stride,
                      int64_t columns) {
  Vec<T> sum[R][kBlockVectors] = {};
  fetch_tile<T, R, kBlockVectors>([&](int64_t i)
                                      __attribute__((always_inline)) { return c + i * c_stride; });
  for_operands(
      0, depth, [&](int64_t) __attribute__((always_inline)) {
        // The left side's rows stand far apart, and other threads have written some of them.
        if constexpr (kFetchesLeftSide) {
          __builtin_prefetch(a + kLine<T>);
        }
        add_operand<T, R, kBlockVectors>(
            sum, [&](int i) __attribute__((always_inline)) { return a[i]; }, b);
        a += next_operand;
        b += kSideColumns<T>;
      });
  T* to[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    to[i] = c + i * c_stride;
  }
  write_tile<T, R, kBlockVectors>(sum, to, columns, accumulate);
}

template <class T>
void add(int64_t n, const T* x, T* y) {
  for_units<T>(0, n, [&](const auto& extent, int64_t i) {
    extent.store(y + i, extent.load(y + i) + extent.load(x + i));
  });
}

// Columns [m, m + kOuterColumns) of the left side, as far as they exist, and rows [first, first + rows).
template <class T>
void outer_block(const OuterArguments<T>& o, int64_t m_first, int64_t first, int64_t rows) {
  const int64_t M = o.M - m_first < kOuterColumns ? o.M - m_first : kOuterColumns;
  const auto left = left_side(o.a + first * o.a_stride + m_first, o.a_stride, rows, M, o.scratch);
  for (int64_t i = 0; i < o.num_sides; ++i) {
    const OuterSide<T>& side = o.sides[i];
    const int64_t block_size = kSideColumns<T> * operands(o.rows);
    const T* block = side.packed + kSideColumns<T> * operands(first);
    for (int64_t n = 0; n < side.columns; n += kSideColumns<T>, block += block_size) {
      const T* panel = left.panels;
      T* c = side.c + m_first * side.c_stride + n;
      const auto tile = [&](auto height) {
        constexpr int R = decltype(height)::value;
        outer_sum<T, R>(panel,
                        left.next_operand,
                        block,
                        operands(rows),
                        first > 0 || o.accumulate,
                        c,
                        side.c_stride,
                        side.columns - n);
      };
      int64_t m = 0;
      for (; m + kPanelColumns <= M; m += kPanelColumns) {
        tile(Constant<kPanelColumns>{});
        panel += left.next_panel;
        c += kPanelColumns * side.c_stride;
      }
      if (m < M) {
        for_row_tiles<kPanelColumns>(M - m, [&](auto height, int64_t) { tile(height); });
      }
    }
  }
}

template <class T>
void outer(const OuterArguments<T>& o) {
  for (int64_t i = 0; o.rows == 0 && !o.accumulate && i < o.num_sides; ++i) {
    for (int64_t m = 0; m < o.M; ++m) {
      std::memset(o.sides[i].c + m * o.sides[i].c_stride, 0, o.sides[i].columns * sizeof(T));
    }
  }
  for (int64_t m = 0; m < o.M; m += kOuterColumns) {
    for (int64_t row = 0; row < o.rows; row += kOuterRows) {
      outer_block(o, m, row, o.rows - row < kOuterRows ? o.rows - row : kOuterRows);
    }
  }
}

// Sums of Vectors columns from j on: of partial sums, as above, added up once.
template <class T, int Vectors, class Extent>
inline void column_sums_of(const ColumnSumsArguments<T>& s, int64_t j, const Extent& extent) {
  Vec<T> all[Vectors] = {};
  for (int64_t row = 0; row < s.rows;) {
    const int64_t last = s.rows - row < kSummedRowsOfColumns ? s.rows : row + kSummedRowsOfColumns;
    Vec<T> sum[Vectors] = {};
    for (; row < last; ++row) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        sum[v] += extent.load(s.a + row * s.a_stride + j + v * kLanes<T>);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      all[v] += sum[v];
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    T* to = s.sums + j + v * kLanes<T>;
    extent.store(to, extent.load(to) + all[v]);
  }
}

template <class T>
void column_sums(const ColumnSumsArguments<T>& s) {
  int64_t j = 0;
  for (; j + kSideColumns<T> <= s.columns; j += kSideColumns<T>) {
    column_sums_of<T, kBlockVectors>(s, j, Whole<T>{});
  }
  for_units<T>(j, s.columns, [&](const auto& extent, int64_t unit) {
    column_sums_of<T, 1>(s, unit, extent);
  });
}

}  // namespace
}  // namespace masked_rnn

// Sums of outer products over rows: the gradients of weights and biases.
#pragma once

#include <masked_rnn/csrc/kernels/left_side.h>

#include <type_traits>

namespace masked_rnn {
namespace {

constexpr int64_t kSummedRowsOfColumns = 32;

// Where vectors are short, so are the steps: fetching at each of them costs more than it gains.
constexpr bool kFetchesLeftSide = MASKED_RNN_VECTOR_BYTES == 64;

// Cold rows are fetched so many rows before.
constexpr int64_t kRowsAhead = 8;

template <class T>
constexpr int64_t kSideColumns = kBlockVectors* kLanes<T>;

// Whether a right side may be the addresses of its rows, each of which is a block. (Rows of more columns would
// put the same ones of several rows into the same few places of the nearest cache.)
template <class T>
constexpr bool may_be_addresses(int64_t columns) {
  return MASKED_RNN_VECTOR_BYTES == 64 && kTerms == 1 && columns == kSideColumns<T>;
}

// It is where so few columns of left sides are multiplied with it: that takes but four times as long as it would
// to copy the rows.
template <class T>
constexpr int64_t kFewLeftColumns = kSideColumns<T>;

// As many numbers as the addresses of `rows` rows take, and of those that are fetched ahead.
template <class T>
constexpr int64_t addresses_size(int64_t rows) {
  constexpr int64_t kNumbers = static_cast<int64_t>(sizeof(T*)) / static_cast<int64_t>(sizeof(T));
  return (rows + kRowsAhead + kLine<T> - 1) / kLine<T> * kLine<T> * kNumbers;
}

// Where a right side's blocks begin: behind addresses, of which the first is null if they are packed.
template <class T>
constexpr int64_t first_block(int64_t rows, int64_t columns) {
  return may_be_addresses<T>(columns) ? addresses_size<T>(rows) : 0;
}

// Blocks of kSideColumns columns, [block][operand][column], or of copied rows.
template <class T>
int64_t outer_side_size(int64_t rows, int64_t columns) {
  const int64_t blocks = (columns + kSideColumns<T> - 1) / kSideColumns<T>;
  return first_block<T>(rows, columns) + blocks * kSideColumns<T> * operands(rows);
}

// The addresses. A row that does not begin with a cache line is copied: each of its vectors would be read from
// two.
template <class T>
void point_to_rows(const PackOuterSideArguments<T>& p) {
  auto** rows = reinterpret_cast<const T**>(p.packed);
  T* copy = p.packed + first_block<T>(p.rows, p.columns);
  for (int64_t row = 0; row < p.rows; ++row, copy += kSideColumns<T>) {
    rows[row] = p.b[row];
    if (reinterpret_cast<uintptr_t>(rows[row]) % (kLine<T> * sizeof(T)) != 0) {
      std::memcpy(copy, rows[row], kSideColumns<T> * sizeof(T));
      rows[row] = copy;
    }
  }
  for (int64_t row = p.rows; row > 0 && row < p.rows + kRowsAhead; ++row) {
    rows[row] = rows[p.rows - 1];
  }
}

// block[k][n] = b[row][n], for the operand k of a row or of several together; 0 beyond the last column.
template <class T>
void pack_outer_side(const PackOuterSideArguments<T>& p) {
  if (may_be_addresses<T>(p.columns)) {
    if (p.M <= kFewLeftColumns<T>) {
      return point_to_rows(p);
    }
    *reinterpret_cast<const T**>(p.packed) = nullptr;
  }
  T* packed = p.packed + first_block<T>(p.rows, p.columns);
  for (int64_t first = 0; first < p.columns; first += kSideColumns<T>) {
    const int64_t here = p.columns - first < kSideColumns<T> ? p.columns - first : kSideColumns<T>;
    T* block = packed + first * operands(p.rows);
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

// The operands of a block of columns, one after the other: of a packed one.
template <class T>
struct PackedColumns {
  const T* block;
  const T* next() {
    const T* here = block;
    block += kSideColumns<T>;
    return here;
  }
};

// The same of rows, by their addresses.
template <class T>
struct RowColumns {
  const T* const* rows;
  const T* next() { return *rows++; }
};

// The same for the first time, when some may be in no near cache.
template <class T>
struct ColdRowColumns {
  const T* const* rows;
  const T* next() {
    fetch(rows[kRowsAhead], kSideColumns<T>);
    return *rows++;
  }
};

// c (+)= the sum over `depth` operands, which are at most kSummedOperands.
template <class T, int R, class Columns>
inline void outer_sum(const T* a,
                      int64_t next_operand,
                      Columns b,
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
            sum, [&](int i) __attribute__((always_inline)) { return a[i]; }, b.next());
        a += next_operand;
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

// Columns [m, m + M) of the left side times columns from n on of a right side: those of `first_columns` for the
// first tile, of `columns` for the others.
template <class T, class First, class Columns>
inline void outer_tiles(const OuterSide<T>& side,
                        const LeftSide<T>& left,
                        int64_t m,
                        int64_t M,
                        int64_t n,
                        int64_t depth,
                        bool accumulate,
                        First first_columns,
                        Columns columns) {
  const T* panel = left.panels;
  T* c = side.c + m * side.c_stride + n;
  const auto tile = [&](auto height, auto from) {
    constexpr int R = decltype(height)::value;
    outer_sum<T, R>(
        panel, left.next_operand, from, depth, accumulate, c, side.c_stride, side.columns - n);
    panel += left.next_panel;
    c += R * side.c_stride;
  };
  int64_t done = 0;
  if (!std::is_same_v<First, Columns> && M >= kPanelColumns) {
    tile(Constant<kPanelColumns>{}, first_columns);
    done += kPanelColumns;
  }
  for (; done + kPanelColumns <= M; done += kPanelColumns) {
    tile(Constant<kPanelColumns>{}, columns);
  }
  if (done < M) {
    for_row_tiles<kPanelColumns>(M - done, [&](auto height, int64_t) { tile(height, columns); });
  }
}

// Columns [m, m + kOuterColumns) of the left side, as far as they exist, and rows [first, first + rows).
template <class T>
void outer_block(const OuterArguments<T>& o, int64_t m, int64_t first, int64_t rows) {
  const int64_t M = o.M - m < kOuterColumns ? o.M - m : kOuterColumns, depth = operands(rows);
  const auto left = left_side(o.a + first * o.a_stride + m, o.a_stride, rows, M, o.scratch);
  const bool accumulate = first > 0 || o.accumulate;
  for (int64_t i = 0; i < o.num_sides; ++i) {
    const OuterSide<T>& side = o.sides[i];
    const auto* addresses = reinterpret_cast<const T* const*>(side.packed);
    if (may_be_addresses<T>(side.columns) && *addresses != nullptr) {
      const RowColumns<T> columns{addresses + first};
      const ColdRowColumns<T> cold_columns{addresses + first};
      outer_tiles(side, left, m, M, 0, depth, accumulate, cold_columns, columns);
      continue;
    }
    PackedColumns<T> columns{side.packed + first_block<T>(o.rows, side.columns) +
                             kSideColumns<T> * operands(first)};
    for (int64_t n = 0; n < side.columns; n += kSideColumns<T>) {
      outer_tiles(side, left, m, M, n, depth, accumulate, columns, columns);
      columns.block += kSideColumns<T> * operands(o.rows);
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

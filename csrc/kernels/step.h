// One time step for any cell: the recurrent product with the cell applied to its accumulators, and
// the cell's derivative.
#pragma once

#include <masked_rnn/csrc/kernels/columns.h>
#include <masked_rnn/csrc/kernels/pack.h>
#include <masked_rnn/csrc/kernels/product_ahead.h>
#include <masked_rnn/csrc/vec/stream.h>

namespace masked_rnn {
namespace {

// Vectors of hidden units in one packed block: one with all its gates, or four where there is one
// gate.
template <class Cell>
constexpr int kUnitVectors = Cell::kGates == 1 ? kBlockVectors : 1;

// Vectors in a packed block.
template <class Cell>
constexpr int kStepVectors = kUnitVectors<Cell>* Cell::kGates;

// The cell of rows [r, r + R) and the hidden units of the packed block that begins with unit j, of which
// `sum` is the recurrent product.
template <class T, class Cell, int R>
MASKED_RNN_INLINE void apply_cell(const StepArguments<T>& s,
                                  int64_t r,
                                  int64_t j,
                                  const Vec<T> (&sum)[R][kStepVectors<Cell>]) {
  constexpr int V = kStepVectors<Cell>;
  // In the first-level cache, so that the sums themselves stay in registers while they grow.
  Vec<T> recurrent[R][V];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      recurrent[i][v] = sum[i][v];
    }
  }
  const auto apply = [&](const auto& extent, int u) __attribute__((always_inline)) {
    const Vec<T>* first = recurrent[0] + u * Cell::kGates;
    Cell::template forward<R>(s, r, j + u * kLanes<T>, extent, first, V);
  };
  if (s.last - j < kUnitVectors<Cell> * kLanes<T>) {
    for_units<T>(j, s.last, [&](const auto& extent, int64_t unit) {
      apply(extent, static_cast<int>((unit - j) / kLanes<T>));
    });
    return;
  }
  // In a loop without partial vectors constants stay in registers.
  for (int u = 0; u < kUnitVectors<Cell>; ++u) {
    apply(Whole<T>{}, u);
  }
}

// Rows [r, r + R) and the hidden units of the packed block that begins with unit j; `fetch` is that of
// add_products.
template <class T, class Cell, int R, class Fetch>
inline void step_tile(
    const StepArguments<T>& s, const T* const* h_prev, int64_t r, int64_t j, const Fetch& fetch) {
  constexpr int V = kStepVectors<Cell>;
  Vec<T> sum[R][V] = {};
  const int64_t depth = operands(s.depth);
  if (s.h_is_cold) {
    fetch_tile<T, R, kUnitVectors<Cell>>([&](int64_t i) __attribute__((always_inline)) {
      return s.h[r + i] + j;
    });
  }
  add_products<T, R, V>(sum, h_prev + r, s.packed + j * Cell::kGates * depth, 0, depth, fetch);
  apply_cell<T, Cell, R>(s, r, j, sum);
}

// A single row, and the units of one packed block, which begins with unit j, or of two, the second of which is
// `apart` units behind: one has too few sums to keep the processor busy while a multiply-add takes its time.
// With Ahead, some of s.ahead is computed besides.
template <class T, class Cell, int Blocks, bool Ahead>
void step_of_blocks(const StepArguments<T>& s, const T* h_prev, int64_t j, int64_t apart) {
  constexpr int V = kStepVectors<Cell>;
  const int64_t depth = operands(s.depth), distance = apart * Cell::kGates * depth;
  const T* packed = s.packed + j * Cell::kGates * depth;
  Vec<T> sum[Blocks][1][V] = {};
  const auto add = [&](int64_t k) __attribute__((always_inline)) {
    const Vec<T> x = broadcast(h_prev[k]);
#pragma GCC unroll 4
    for (int i = 0; i < Blocks; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        sum[i][0][v] =
            multiply_add<T>(x, load(packed + i * distance + v * kLanes<T>), sum[i][0][v]);
      }
    }
    packed += V * kLanes<T>;
  };
  int64_t k = 0;
  if constexpr (Ahead) {
    // About as many multiply-adds for the one as for the other.
    constexpr int kEvery = kAheadRows * kBlockVectors / (Blocks * V);
    k = add_with_product<T, kEvery>(*s.ahead, depth, add);
  }
  for (; k < depth; ++k) {
    add(k);
  }
#pragma GCC unroll 4
  for (int i = 0; i < Blocks; ++i) {
    apply_cell<T, Cell, 1>(s, 0, j + i * apart, sum[i]);
  }
}

// Whether a single row goes through one block after the other: where the last block of a step, the first one of
// the next, is small enough to stay in the first-level cache, and has as many sums as that takes.
template <class T, class Cell>
inline bool is_block_kept(int64_t depth) {
  constexpr int V = kStepVectors<Cell>;
  constexpr int64_t kKept = 32768;
  return MASKED_RNN_VECTOR_BYTES == 64 && V >= 4 && depth * V * MASKED_RNN_VECTOR_BYTES <= kKept;
}

// A step of a single row. Where no block stays in the first-level cache, the first half of the blocks and the
// second are read side by side: two streams of memory, each of which goes on from block to block, as what
// fetches memory ahead expects.
template <class T, class Cell, bool Ahead>
void step_of_one_row(const StepArguments<T>& s, const T* h_prev, int64_t blocks) {
  constexpr int64_t units = kUnitVectors<Cell> * kLanes<T>;
  const int64_t half = is_block_kept<T, Cell>(operands(s.depth)) ? blocks : (blocks + 1) / 2;
  in_order(half, s.backwards, [&](int64_t block, int64_t) {
    const int64_t unit = s.first + block * units;
    if (half + block < blocks) {
      step_of_blocks<T, Cell, 2, Ahead>(s, h_prev, unit, half * units);
    } else {
      step_of_blocks<T, Cell, 1, Ahead>(s, h_prev, unit, 0);
    }
  });
}

// A single row and N vectors of units, the first of which begins with unit j, of a weight that is not packed.
template <class T, class Cell, int N, class Extent>
inline void step_of_columns(const StepArguments<T>& s, const Extent& extent, int64_t j) {
  constexpr int G = Cell::kGates;
  const PackArguments<T>& weight = s.weight;
  // The vectors of a gate side by side.
  Vec<T> sums[G * N] = {};
  const T* from[G * N];
  for (int i = 0; i < G * N; ++i) {
    const int64_t gate = i / N, unit = j + i % N * kLanes<T>;
    from[i] = weight.weight + (gate * weight.columns + unit) * weight.stride_n;
  }
  add_columns<T, G * N>(extent, sums, s.h_prev[0], from, weight.stride_n, 0, s.depth);
  for (int v = 0; v < N; ++v) {
    Vec<T> recurrent[G];
    for (int g = 0; g < G; ++g) {
      recurrent[g] = sums[g * N + v];
    }
    Cell::template forward<1>(s, 0, j + v * kLanes<T>, extent, recurrent, G);
  }
}

// A step of a single row with a weight that is not packed.
template <class T, class Cell>
__attribute__((noinline)) void step_unpacked(const StepArguments<T>& s) {
  // Of as many as are read side by side, or of one where its gates are.
  constexpr int N = Cell::kGates % kColumnVectors == 0 ? 1 : kColumnVectors;
  int64_t j = s.first;
  for (; j + N * kLanes<T> <= s.last; j += N * kLanes<T>) {
    step_of_columns<T, Cell, N>(s, Whole<T>{}, j);
  }
  for_units<T>(j, s.last, [&](const auto& extent, int64_t unit) {
    step_of_columns<T, Cell, 1>(s, extent, unit);
  });
}

// Writes N parts of what a row saves, H apart.
template <class T, class Extent, int N>
MASKED_RNN_INLINE void save(const StepArguments<T>& s,
                            const Extent& extent,
                            T* to,
                            const Vec<T> (&parts)[N]) {
  const auto write_all = [&](const auto& write) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) {
      write(to + i * s.hidden, parts[i]);
    }
  };
  if (s.save_past_caches) {
    write_all([](T* part, Vec<T> v) { stream(part, v); });
  } else {
    write_all([&](T* part, Vec<T> v) { extent.store(part, v); });
  }
}

template <class T, class Cell>
void step(const StepArguments<T>& s) {
  constexpr int V = kStepVectors<Cell>;
  constexpr int64_t units = kUnitVectors<Cell> * kLanes<T>;
  if constexpr (kTerms == 1) {
    if (s.packed == nullptr) {
      return step_unpacked<T, Cell>(s);
    }
  }
  const OperandRows<T> h_prev(s.h_prev, s.rows, s.depth);
  const int64_t blocks = (s.last - s.first + units - 1) / units, depth = operands(s.depth);
  if (s.rows == 1) {
    if constexpr (kAheadDepth > 0) {
      if (s.ahead != nullptr) {
        return step_of_one_row<T, Cell, true>(s, h_prev.data()[0], blocks);
      }
    }
    return step_of_one_row<T, Cell, false>(s, h_prev.data()[0], blocks);
  }
  in_order(blocks, s.backwards, [&](int64_t block, int64_t next) {
    const int64_t unit = s.first + block * units;
    const T* next_block = s.packed_is_cold && next >= 0
                              ? s.packed + (s.first + next * units) * Cell::kGates * depth
                              : nullptr;
    const int64_t tiles = row_tiles<kTileRows<V>>(s.rows);
    int64_t tile = 0;
    for_row_tiles<kTileRows<V>>(s.rows, [&](auto rows, int64_t r) {
      constexpr int R = decltype(rows)::value;
      const T* part = part_of_block<T, V>(next_block, depth, tile++, tiles);
      if (part != nullptr) {
        step_tile<T, Cell, R>(
            s,
            h_prev.data(),
            r,
            unit,
            [&](int64_t done, int64_t now)
                __attribute__((always_inline)) { fetch_lines(part, done, now); });
      } else {
        step_tile<T, Cell, R>(s, h_prev.data(), r, unit, NoFetch{});
      }
    });
  });
}

// A step's derivative fetches what is so many bytes ahead.
constexpr int64_t kFetchedAhead = 8192;

template <class T, class Cell>
void step_backward(const StepBackwardArguments<T>& arguments) {
  // A copy: what is written through pointers cannot be part of it, and need not be read again.
  const StepBackwardArguments<T> s = arguments;
  // From the last row to the first: as the chain goes back in time, what was saved is then read
  // backwards without a gap. What cold rows read is fetched some rows ahead.
  constexpr int64_t kRead = Cell::kSaved + 2, kSize = sizeof(T);
  const int64_t fitting = kFetchedAhead / (kRead * s.hidden * kSize);
  const int64_t ahead = fitting < 1 ? 1 : fitting < s.rows ? fitting : s.rows;
  for (int64_t r = s.rows - 1; r >= 0; --r) {
    const T* next[kRead];
    int64_t n = 0;
    // Beyond this step's first row, the last of the step before.
    const bool here = r >= ahead;
    const int64_t row = here ? r - ahead : r - ahead + s.rows + s.earlier;
    if (s.cold && (here || s.earlier != 0)) {
      for (int part = 0; part < Cell::kSaved; ++part) {
        next[n++] = s.saved[row] + part * s.hidden;
      }
      if (s.grad_output != nullptr) {
        next[n++] = s.grad_output[row];
      }
      if (here || !Cell::kStateIsSaved) {
        next[n++] = Cell::state_row(s, row);
      }
    }
    for_units<T>(s.first, s.last, [&](const auto& extent, int64_t j) {
      for (int64_t i = 0; i < n; ++i) {
        __builtin_prefetch(next[i] + j);
      }
      Cell::backward(s, r, j, extent);
    });
  }
}

// The gradient of h_t, of row r and a vector of units from j on.
template <class T, class Extent>
inline Vec<T> gradient_of_h(const StepBackwardArguments<T>& s,
                            int64_t r,
                            int64_t j,
                            const Extent& extent) {
  const Vec<T> later = extent.load(s.grad_h + r * s.grad_h_stride + j);
  return s.grad_output == nullptr ? later : later + extent.load(s.grad_output[r] + j);
}

}  // namespace
}  // namespace masked_rnn

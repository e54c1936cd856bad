// One time step for any cell: the recurrent product with the cell applied to its accumulators, and
// the cell's derivative.
#pragma once

#include <masked_rnn/csrc/kernels/product.h>

namespace masked_rnn {
namespace {

// Vectors of hidden units that one tile of the cell holds: all gates of one vector of units, or four
// vectors of units where there is one gate.
template <class Cell>
constexpr int kUnitVectors = Cell::kGates == 1 ? static_cast<int>(kBlockVectors) : 1;

template <class T, class Cell, int R, class Extents>
inline void step_tile(
    const StepArguments<T>& s, int64_t r, int64_t j, const T* packed, const Extents& each_vector) {
  constexpr int kVectors = kUnitVectors<Cell> * Cell::kGates;
  Vec<T> sum[R][kVectors];
  if constexpr (Cell::kGates == 1) {
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < kVectors; ++v) {
        sum[i][v] = Vec<T>{};
      }
    }
  } else {
    each_vector([&](auto extent, int) {
      for (int g = 0; g < Cell::kGates; ++g) {
        const Vec<T> initial = Cell::initial(s, g, j, extent);
        for (int i = 0; i < R; ++i) {
          sum[i][g] = initial;
        }
      }
    });
  }
  multiply_add<T, R, kVectors>(sum, s.h_prev + r, packed, s.depth);
  each_vector([&](auto extent, int v) {
    for (int i = 0; i < R; ++i) {
      Cell::forward(s, r + i, j + v * kLanes<T>, extent, sum[i] + v);
    }
  });
}

template <class T, class Cell>
void step(const StepArguments<T>& s) {
  const int64_t units = kUnitVectors<Cell> * kLanes<T>;
  for (int64_t j = 0; j < s.hidden; j += units) {
    const T* packed = s.packed + j * Cell::kGates * s.depth;
    const auto each_vector = [&](const auto& body) {
      for (int v = 0; v < kUnitVectors<Cell>; ++v) {
        const int64_t left = s.hidden - j - v * kLanes<T>;
        if (left >= kLanes<T>) {
          body(Whole<T>{}, v);
        } else if (left > 0) {
          body(Partial<T>{left}, v);
        }
      }
    };
    for_row_tiles(s.rows, [&](auto rows, int64_t r) {
      step_tile<T, Cell, decltype(rows)::value>(s, r, j, packed, each_vector);
    });
  }
}

template <class T, class Cell>
void step_backward(const StepBackwardArguments<T>& s) {
  for (int64_t r = 0; r < s.rows; ++r) {
    for_units<T>(
        0, s.hidden, [&](const auto& extent, int64_t j) { Cell::backward(s, r, j, extent); });
  }
}

}  // namespace
}  // namespace masked_rnn

// One time step of a bfloat16 layer on matrix tiles. (Of float32 the pieces of a weight would take half
// as much memory again as the weight, which steps read each time.)
#pragma once

#include <masked_rnn/csrc/kernels/amx/product.h>
#include <masked_rnn/csrc/kernels/step.h>

namespace masked_rnn {
namespace {

// A block of weights has tiles of one vector of hidden units with all its gates, or of two vectors where
// there is one gate.
template <class Cell>
constexpr int kStepTiles = Cell::kGates == 1 ? 2 : Cell::kGates;

template <class Cell>
constexpr int64_t kStepUnits = kStepTiles<Cell> / Cell::kGates* kTileSide;

template <class Cell>
inline const float* step_block(const StepArguments<float>& s, int64_t unit) {
  const int64_t header = Cell::kGates == 1 ? block_header(s.depth) : 0;
  return s.packed + amx_packed_size(s.depth, unit, Cell::kGates) + header;
}

// sums [16, tiles of 16 columns] = 16 rows times a block of weights.
template <int Tiles>
inline void multiply_step(const float* left, const float* right, int64_t count, float* sums) {
  asm volatile("" ::: "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < count; ++k, left += kSlab, right += Tiles * kTile) {
    _tile_loadd(4, left, 64);
    _tile_loadd(6, right, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, right + kTile, 64);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (Tiles > 2) {
      _tile_loadd(6, right + 2 * kTile, 64);
      _tile_dpbf16ps(2, 4, 6);
    }
    if constexpr (Tiles > 3) {
      _tile_loadd(7, right + 3 * kTile, 64);
      _tile_dpbf16ps(3, 4, 7);
    }
  }
  constexpr int64_t line = Tiles * kTileSide * sizeof(float);
  _tile_stored(0, sums, line);
  _tile_stored(1, sums + kTileSide, line);
  if constexpr (Tiles > 2) {
    _tile_stored(2, sums + 2 * kTileSide, line);
  }
  if constexpr (Tiles > 3) {
    _tile_stored(3, sums + 3 * kTileSide, line);
  }
  asm volatile("" ::: "memory");
}

// The cell of up to 16 rows from `first` on, and of the units of a block.
template <class Cell>
inline void step_cells(const StepArguments<float>& s,
                       int64_t first,
                       int64_t unit,
                       const Vec<float>* sums) {
  constexpr int V = kStepTiles<Cell>;
  const int64_t rows = s.rows - first < kTileSide ? s.rows - first : kTileSide;
  for_row_tiles<kTileRows<4>>(rows, [&](auto height, int64_t r) {
    constexpr int R = decltype(height)::value;
    for (int u = 0; u < V / Cell::kGates; ++u) {
      const int64_t j = unit + u * kLanes<float>, left = s.last - j;
      const Vec<float>* sum = sums + r * V + u * Cell::kGates;
      if (left >= kLanes<float>) {
        Cell::template forward<R>(s, first + r, j, Whole<float>{}, sum, V);
      } else if (left > 0) {
        Cell::template forward<R>(s, first + r, j, Partial<float>{left}, sum, V);
      }
    }
  });
}

template <class Cell>
void amx_step(const StepArguments<float>& s) {
  if (!on_tiles(s.depth)) {
    return step<float, Cell>(s);
  }
  thread_local Kept<float> kept_left;
  const int64_t count = slabs(s.depth), next_square = count * kSlab;
  float* left = kept_left.at_least(squares(s.rows) * next_square);
  const auto tiles_of = [&](int64_t r) {
    return left + r / kSquare * next_square + r % kSquare / kTileSide * kTile;
  };
  Magnitude unseen;
  for (int64_t r = 0; r < s.rows; ++r) {
    float* line = tiles_of(r) + r % kTileSide * kTileSide;
    for (int64_t k = 0; k < s.depth; k += kTileDepth, line += kSlab) {
      split_terms(s.h_prev[r] + k, s.depth - k, line, unseen);
    }
  }
  const TileConfiguration tiles;
  // What tiles have stored can be read only after a while: meanwhile the next ones are multiplied.
  Vec<float> sums[2][kTileSide * kStepTiles<Cell>];
  int64_t row_before = 0, unit_before = 0, done = 0;
  const int64_t blocks = (s.last - s.first + kStepUnits<Cell> - 1) / kStepUnits<Cell>;
  in_order(blocks, s.backwards, [&](int64_t block, int64_t) {
    const int64_t unit = s.first + block * kStepUnits<Cell>;
    for (int64_t r = 0; r < s.rows; r += kTileSide, ++done) {
      multiply_step<kStepTiles<Cell>>(
          tiles_of(r), step_block<Cell>(s, unit), count, reinterpret_cast<float*>(sums[done % 2]));
      if (done > 0) {
        step_cells<Cell>(s, row_before, unit_before, sums[(done - 1) % 2]);
      }
      row_before = r;
      unit_before = unit;
    }
  });
  if (done > 0) {
    step_cells<Cell>(s, row_before, unit_before, sums[(done - 1) % 2]);
  }
}

}  // namespace
}  // namespace masked_rnn

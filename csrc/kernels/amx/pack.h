// Weights as right sides of products on matrix tiles: blocks of 32 columns, each lines that say what its
// stacks of slabs are, then these. A stack with numbers that have no pieces is kept as it is, [terms, 32].
//
// gates > 1 puts the same 16 hidden units of all gates into one block, for each 32 terms one tile of
// every gate; without pieces only, as for bfloat16.
#pragma once

#include <masked_rnn/csrc/kernels/amx/tile_makers.h>

namespace masked_rnn {
namespace {

// Where tiles, filled up to 32 terms, pay.
constexpr bool on_tiles(int64_t depth) { return depth >= kTileDepth; }

// 24 KB of a block of weights, beside as much of a square's rows, have room in the first-level cache.
constexpr int64_t kStackSlabs = 4;
constexpr int64_t kStackDepth = kStackSlabs * kTileDepth;
constexpr int64_t kStackSize = kStackSlabs * kSlab;

constexpr int64_t block_header(int64_t depth) {
  constexpr int64_t kOfLine = kLine<float> * kStackDepth;
  return (depth + kOfLine - 1) / kOfLine * kLine<float>;
}

constexpr int64_t tile_block_size(int64_t depth) {
  return block_header(depth) + slabs(depth) * kSlab;
}

constexpr int64_t gates_block_size(int64_t depth, int64_t gates) {
  return slabs(depth) * gates * kTile;
}

inline int64_t amx_packed_size(int64_t depth, int64_t columns, int64_t gates) {
  if (!on_tiles(depth)) {
    return packed_size<float>(depth, columns, gates);
  }
  return gates == 1 ? squares(columns) * tile_block_size(depth)
                    : (columns + kTileSide - 1) / kTileSide * gates_block_size(depth, gates);
}

inline bool amx_is_packed(const PackArguments<float>& p) {
  return !on_tiles(p.depth) && is_packed<float>(p);
}

// Asks for the memory of the same terms of the block of columns after this one.
MASKED_RNN_INLINE void fetch_next_terms(const PackArguments<float>& p, int64_t first, int64_t k) {
  const bool along = p.stride_k == 1;
  const float* from = p.weight + (first + kSquare) * p.stride_n + k * p.stride_k;
  for (int64_t i = 0; i < (along ? kTileSide : kTileDepth); ++i) {
    fetch(from + i * (along ? p.stride_n : p.stride_k), along ? kTileDepth : kTileSide);
  }
}

// Makes the first tile of each piece of terms k to k + 31 of 16 columns, 0 where there are none.
class TilePacker {
 public:
  void begin(const PackArguments<float>& p, int64_t first, int64_t k, float* to) {
    columns_left_ = p.columns - first;
    depth_left_ = p.depth - k;
    from_ = p.weight + first * p.stride_n + k * p.stride_k;
    to_ = to;
    fetch_next_terms(p, first, k);
    const bool whole = columns_left_ >= kTileSide;
    transposed_ = whole && depth_left_ >= kTileDepth && p.stride_k == 1 && p.stride_n != 1;
    if (transposed_) {
      stride_ = p.stride_n;
    } else if (whole && p.stride_n == 1) {
      stride_ = p.stride_k;
    } else {
      copy(p.stride_k, p.stride_n);
    }
    step_ = transposed_ ? 0 : kStepsOfColumns;
  }

  MASKED_RNN_INLINE void do_step(Magnitude& magnitude) {
    if (step_ < kStepsOfColumns) {
      for (int64_t quad = 2 * step_; quad < 2 * step_ + 2; ++quad) {
        const int64_t half = quad / (kTileSide / 4), row = 4 * quad % kTileSide;
        columns_.take(quad, from_ + row * stride_ + half * kTileSide, stride_, 4, kTileSide);
      }
    } else {
      const int64_t pair = step_ - kStepsOfColumns;
      const Vec<float> first = transposed_ ? columns_.first(pair) : term(pair);
      const Vec<float> second = transposed_ ? columns_.second(pair) : term(pair + kTileSide);
      magnitude.see(first);
      magnitude.see(second);
      store_terms(first, second, to_, pair);
    }
    ++step_;
  }

  bool is_done() const { return step_ == kStepsOfTile; }

 private:
  MASKED_RNN_INLINE Vec<float> term(int64_t i) const {
    return i < depth_left_ ? load(from_ + i * stride_) : Vec<float>{};
  }

  // What is not whole, or in no order.
  void copy(int64_t stride_k, int64_t stride_n) {
    std::memset(copied_, 0, sizeof(copied_));
    for (int64_t i = 0; i < at_most(kTileDepth, depth_left_); ++i) {
      for (int64_t n = 0; n < at_most(kTileSide, columns_left_); ++n) {
        copied_[i][n] = from_[i * stride_k + n * stride_n];
      }
    }
    from_ = copied_[0];
    stride_ = kTileSide;
  }

  const float* from_ = nullptr;
  int64_t stride_ = 0, columns_left_ = 0, depth_left_ = 0;
  float* to_ = nullptr;
  bool transposed_ = false;
  int64_t step_ = kStepsOfTile;
  Columns columns_;
  alignas(64) float copied_[kTileDepth][kTileSide];
};

inline void pack_tile(
    const PackArguments<float>& p, int64_t first, int64_t k, float* to, Magnitude& magnitude) {
  TilePacker packer;
  packer.begin(p, first, k, to);
  while (!packer.is_done()) {
    packer.do_step(magnitude);
  }
}

// Packs the stack whose first term is k_first of the block whose first column is `first`.
class StackPacker {
 public:
  StackPacker(const PackArguments<float>& weight, int64_t first, int64_t k_first, float* to)
      : weight_(weight),
        first_(first),
        k_first_(k_first),
        tiles_left_(first < weight.columns ? 2 * slabs(depth()) : 0),
        to_(to) {}

  // At most: tiles whose rows are not transposed take fewer.
  int64_t steps_left() const { return tiles_left_ * kStepsOfTile; }

  // (Not inlined: between products it stands many times.)
  __attribute__((noinline)) void do_steps(int64_t count) {
    for (; count > 0 && begin_tile(); --count) {
      tile_.do_step(magnitude_);
    }
  }

  // All that is left. Returns whether the stack is wild: kept as it is.
  bool finish() {
    while (begin_tile()) {
      tile_.do_step(magnitude_);
    }
    if (!magnitude_.wild()) {
      return false;
    }
    float* to = to_;
    for (int64_t k = k_first_; k < k_first_ + depth(); ++k) {
      for (int64_t n = first_; n < first_ + kSquare; ++n) {
        const bool exists = n < weight_.columns;
        *to++ = exists ? weight_.weight[k * weight_.stride_k + n * weight_.stride_n] : 0;
      }
    }
    return true;
  }

 private:
  int64_t depth() const {
    return weight_.depth - k_first_ < kStackDepth ? weight_.depth - k_first_ : kStackDepth;
  }

  // If the one before is done; whether there was one left.
  MASKED_RNN_INLINE bool begin_tile() {
    if (tile_.is_done()) {
      if (tiles_left_ == 0) {
        return false;
      }
      const int64_t i = 2 * slabs(depth()) - tiles_left_--, slab = i / 2, half = i % 2;
      tile_.begin(weight_,
                  first_ + half * kTileSide,
                  k_first_ + slab * kTileDepth,
                  to_ + slab * kSlab + half * kTile);
    }
    return true;
  }

  const PackArguments<float>& weight_;
  const int64_t first_, k_first_;
  int64_t tiles_left_;
  float* const to_;
  Magnitude magnitude_;
  TilePacker tile_;
};

inline void pack_block(const PackArguments<float>& p, int64_t first, float* block) {
  float* to = block + block_header(p.depth);
  for (int64_t k = 0; k < p.depth; k += kStackDepth, to += kStackSize) {
    block[k / kStackDepth] = StackPacker(p, first, k, to).finish() ? 1 : 0;
  }
}

inline void pack_gates_block(const PackArguments<float>& p, int64_t first, float* block) {
  Magnitude unseen;
  for (int64_t gate = 0; gate < p.gates; ++gate) {
    PackArguments<float> of_gate = p;
    of_gate.weight += gate * p.columns * p.stride_n;
    for (int64_t k = 0; k < p.depth; k += kTileDepth) {
      pack_tile(of_gate, first, k, block + (k / kTileDepth * p.gates + gate) * kTile, unseen);
    }
  }
}

inline void amx_pack(const PackArguments<float>& p) {
  if (!on_tiles(p.depth)) {
    return pack<float>(p);
  }
  for (int64_t n = p.first; p.gates == 1 && n < p.last; n += kSquare) {
    pack_block(p, n, p.packed + amx_packed_size(p.depth, n, 1));
  }
  for (int64_t n = p.first; p.gates > 1 && n < p.last; n += kTileSide) {
    pack_gates_block(p, n, p.packed + amx_packed_size(p.depth, n, p.gates));
  }
}

}  // namespace
}  // namespace masked_rnn

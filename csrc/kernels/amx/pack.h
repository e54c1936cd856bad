// Weights as right sides of products on matrix tiles: blocks of 32 columns, each lines that say what its
// stacks of slabs are, then these. A stack with numbers that have no pieces is kept as it is, [terms, 32].
//
// gates > 1 puts the same 16 hidden units of all gates into one block, for each 32 terms one tile of
// every gate; without pieces only, as for bfloat16.
#pragma once

#include <masked_rnn/csrc/kernels/amx/tiles.h>

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
  return gates == 1 ? (columns + kSquare - 1) / kSquare * tile_block_size(depth)
                    : (columns + kTileSide - 1) / kTileSide * gates_block_size(depth, gates);
}

inline bool amx_is_packed(const PackArguments<float>& p) {
  return !on_tiles(p.depth) && is_packed<float>(p);
}

// Terms k to k + 31 of 16 columns from `first` on, 0 where there are none.
inline void load_terms(const PackArguments<float>& p,
                       int64_t first,
                       int64_t k,
                       Vec<float> (&terms)[2][kLanes<float>]) {
  constexpr int64_t L = kLanes<float>;
  const int64_t columns = p.columns - first < L ? p.columns - first : L;
  const int64_t depth = p.depth - k < kTileDepth ? p.depth - k : kTileDepth;
  const float* from = p.weight + first * p.stride_n + k * p.stride_k;
  if (columns == L && p.stride_n == 1) {
    for (int64_t i = 0; i < kTileDepth; ++i) {
      terms[i / L][i % L] = i < depth ? load(from + i * p.stride_k) : Vec<float>{};
    }
  } else if (columns == L && depth == kTileDepth && p.stride_k == 1) {
    for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 16
      for (int64_t n = 0; n < L; ++n) {
        terms[half][n] = load(from + n * p.stride_n + half * L);
      }
      transpose<float>(terms[half]);
    }
  } else {
    float numbers[kTileDepth][L] = {};
    for (int64_t i = 0; i < depth; ++i) {
      for (int64_t n = 0; n < columns; ++n) {
        numbers[i][n] = from[i * p.stride_k + n * p.stride_n];
      }
    }
    std::memcpy(terms, numbers, sizeof(terms));
  }
}

// Asks for the memory of the same terms of the block of columns after this one.
MASKED_RNN_INLINE void fetch_next_terms(const PackArguments<float>& p, int64_t first, int64_t k) {
  const bool along = p.stride_k == 1;
  const float* from = p.weight + (first + kSquare) * p.stride_n + k * p.stride_k;
  for (int64_t i = 0; i < (along ? kTileSide : kTileDepth); ++i) {
    fetch(from + i * (along ? p.stride_n : p.stride_k), along ? kTileDepth : kTileSide);
  }
}

// Terms k to k + 31 of 16 columns, to the first tile of each piece.
inline void pack_tile(
    const PackArguments<float>& p, int64_t first, int64_t k, float* to, Magnitude& magnitude) {
  Vec<float> terms[2][kLanes<float>];
  fetch_next_terms(p, first, k);
  load_terms(p, first, k, terms);
  for (int64_t pair = 0; pair < kTileSide; ++pair) {
    magnitude.see(terms[0][pair]);
    magnitude.see(terms[1][pair]);
    store_terms(terms[0][pair], terms[1][pair], to, pair);
  }
}

// Packs the stack whose first term is k_first of the block whose first column is `first`, a tile at a time.
class StackPacker {
 public:
  StackPacker(const PackArguments<float>& weight, int64_t first, int64_t k_first, float* to)
      : weight_(weight), first_(first), k_first_(k_first), to_(to) {}

  // The next tile; whether there was one left. (Not inlined: between tiles' products it stands many times.)
  __attribute__((noinline)) bool pack_one() {
    if (packed_ == tiles()) {
      return false;
    }
    const int64_t slab = packed_ / 2, half = packed_ % 2;
    pack_tile(weight_,
              first_ + half * kTileSide,
              k_first_ + slab * kTileDepth,
              to_ + slab * kSlab + half * kTile,
              magnitude_);
    ++packed_;
    return true;
  }

  // All that is left. Returns whether the stack is wild: kept as it is.
  bool finish() {
    while (pack_one()) {
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
  // None beyond the last block.
  int64_t tiles() const { return first_ < weight_.columns ? 2 * slabs(depth()) : 0; }

  const PackArguments<float>& weight_;
  int64_t first_, k_first_;
  float* to_;
  Magnitude magnitude_;
  int64_t packed_ = 0;
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

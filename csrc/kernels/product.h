// Products of rows with packed weights.
#pragma once

#include <masked_rnn/csrc/kernels/depth_parts.h>
#include <masked_rnn/csrc/kernels/next_rows.h>
#include <masked_rnn/csrc/kernels/pack.h>
#include <masked_rnn/csrc/kernels/row_product.h>

namespace masked_rnn {
namespace {

// What the sums of a block of columns from `first` on begin with, of which `filled` is a copy where the
// block is not whole; null for 0.
template <class T>
inline const T* initial_sums(const ProductArguments<T>& p,
                             int64_t first,
                             T (&filled)[kBlockVectors * kLanes<T>]) {
  constexpr int64_t block = kBlockVectors * kLanes<T>;
  const int64_t columns = p.columns - first;
  if (p.bias == nullptr || columns >= block) {
    return p.bias == nullptr ? nullptr : p.bias + first;
  }
  std::memset(filled, 0, sizeof(filled));
  std::memcpy(filled, p.bias + first, columns * sizeof(T));
  return filled;
}

// c[i][first...] (+)= a[i] times a block of columns for R rows, over operands k in [k_first, k_last),
// which `b` holds; `fetch` is that of add_products. The sums stay in registers: no loop may ask for one by
// a number that it counts.
template <class T, int R, class Fetch>
inline void product_tile(const T* const* a,
                         const T* b,
                         int64_t k_first,
                         int64_t k_last,
                         const T* initial,
                         bool add,
                         T* const* c,
                         int64_t first,
                         int64_t columns,
                         const Fetch& fetch) {
  constexpr int V = kBlockVectors;
  Vec<T> sum[R][V] = {};
  if (initial != nullptr) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vec<T> here = load(initial + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        sum[i][v] = here;
      }
    }
  }
  add_products<T, R, V>(sum, a, b, k_first, k_last, fetch);
  T* to[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    to[i] = c[i] + first;
  }
  write_tile<T, R, V>(sum, to, columns, add);
}

// Operands [k_first, k_last) of the block of columns from `first` on of a weight that is not packed.
template <class T>
__attribute__((noinline)) const T* pack_part(const ProductArguments<T>& p,
                                             int64_t first,
                                             int64_t k_first,
                                             int64_t k_last) {
  thread_local Kept<T> kept;
  const int64_t k = k_first * kTerms, last = k_last * kTerms;
  PackArguments<T> part = p.weight;
  part.weight += first * part.stride_n + k * part.stride_k;
  part.depth = (last < p.depth ? last : p.depth) - k;
  part.columns = p.columns - first < block_units<T>(1) ? p.columns - first : block_units<T>(1);
  part.gates = 1;
  part.first = 0;
  part.last = part.columns;
  part.packed = kept.at_least(packed_size<T>(part.depth, part.columns, part.gates));
  pack<T>(part);
  return part.packed;
}

template <class T>
void product(const ProductArguments<T>& p) {
  if (is_row_product(p)) {
    return multiply_row(p);
  }
  constexpr int64_t units = block_units<T>(1);
  const OperandRows<T> a(p.a, p.rows, p.depth);
  const int64_t depth = operands(p.depth), blocks = (p.columns + units - 1) / units;
  const DepthParts parts{depth};
  const int64_t tiles = row_tiles<kTileRows<kBlockVectors>>(p.rows);
  FetchNext<T> fetch_next(p.next, blocks * tiles * (depth / kFetchedOperands<T>));
  // All blocks of a part of k, then those of the next.
  in_order(parts.count * blocks, p.backwards, [&](int64_t i, int64_t next) {
    const int64_t part = i / blocks, block = i % blocks;
    const int64_t k_first = parts.first(part), k_last = parts.first(part + 1);
    const bool add = parts.is_added(p, part);
    const int64_t first = block * units, columns = p.columns - first;
    T filled[units];
    const T* initial = add ? nullptr : initial_sums(p, first, filled);
    const T* b = p.packed == nullptr ? pack_part(p, first, k_first, k_last)
                                     : p.packed + first * depth + k_first * units;
    const T* next_block =
        p.packed_is_cold && next >= 0
            ? p.packed + (next % blocks * depth + parts.first(next / blocks)) * units
            : nullptr;
    int64_t tile = 0;
    for_row_tiles<kTileRows<kBlockVectors>>(p.rows, [&](auto rows, int64_t r) {
      constexpr int R = decltype(rows)::value;
      // Those of the tile after the next: memory may take as long as a short tile does.
      const bool ahead = kTerms == 1 && p.a_is_cold && block == 0 && r + 3 * R <= p.rows;
      const T* const* next_rows = ahead ? a.data() + r + 2 * R : nullptr;
      const T* next_part =
          part_of_block<T, kBlockVectors>(next_block, k_last - k_first, tile++, tiles);
      if (p.c_is_cold) {
        fetch_tile<T, R, kBlockVectors>([&](int64_t i) __attribute__((always_inline)) {
          return p.c[r + i] + first;
        });
      }
      const auto multiply = [&](const auto& fetch) __attribute__((always_inline)) {
        product_tile<T, R>(
            a.data() + r, b, k_first, k_last, initial, add, p.c + r, first, columns, fetch);
      };
      if (next_rows != nullptr || next_part != nullptr || fetch_next.any()) {
        multiply([&](int64_t done, int64_t now) __attribute__((always_inline)) {
          if (next_rows != nullptr) {
            fetch_rows<T, R>(next_rows, k_first + done);
          }
          if (next_part != nullptr) {
            fetch_lines(next_part, done, now);
          }
          fetch_next();
        });
      } else {
        multiply(NoFetch{});
      }
    });
  });
}

}  // namespace
}  // namespace masked_rnn

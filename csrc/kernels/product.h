// Products of rows with packed weights.
#pragma once

#include <masked_rnn/csrc/kernels/depth_parts.h>
#include <masked_rnn/csrc/kernels/next_rows.h>
#include <masked_rnn/csrc/kernels/pack.h>
#include <masked_rnn/csrc/kernels/row_product.h>

namespace masked_rnn {
namespace {

// Calls each(extent, first column) for the vectors of a block that has only `columns` columns.
template <class T, class Each>
inline void for_vectors(int64_t columns, const Each& each) {
  for (int64_t n = 0; n < columns; n += kLanes<T>) {
    if (columns - n >= kLanes<T>) {
      each(Whole<T>{}, n);
    } else {
      each(Partial<T>{columns - n}, n);
    }
  }
}

// Rows [r, r + R) and the block of columns from `first` on, over operands k in [k_first, k_last), which
// `b` holds; `fetch` is that of add_products. The sums stay in registers where the block is whole: no loop
// may ask for one by a number that it counts.
template <class T, int R, class Fetch>
inline void product_tile(const ProductArguments<T>& p,
                         const T* const* a,
                         const T* b,
                         int64_t r,
                         int64_t first,
                         int64_t k_first,
                         int64_t k_last,
                         bool add,
                         const Fetch& fetch) {
  constexpr int V = kBlockVectors;
  constexpr int64_t block = V * kLanes<T>;
  const int64_t columns = p.columns - first;
  Vec<T> sum[R][V] = {};
  if (!add && p.bias != nullptr) {
    const T* bias = p.bias + first;
    T filled[block];
    if (columns < block) {
      std::memset(filled, 0, sizeof(filled));
      bias = static_cast<const T*>(std::memcpy(filled, bias, columns * sizeof(T)));
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vec<T> initial = load(bias + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        sum[i][v] = initial;
      }
    }
  }
  add_products<T, R, V>(sum, a + r, b, k_first, k_last, fetch);
  if (columns >= block) {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        T* c = p.c[r + i] + first + v * kLanes<T>;
        store<T>(c, add ? load(c) + sum[i][v] : sum[i][v]);
      }
    }
    return;
  }
  T sums[R][block];
  std::memcpy(sums, sum, sizeof(sums));
  for (int i = 0; i < R; ++i) {
    for_vectors<T>(columns, [&](auto extent, int64_t n) {
      T* c = p.c[r + i] + first + n;
      const Vec<T> here = load(sums[i] + n);
      extent.store(c, add ? extent.load(c) + here : here);
    });
  }
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
    const int64_t first = block * units;
    const T* b = p.packed == nullptr ? pack_part(p, first, k_first, k_last)
                                     : p.packed + first * depth + k_first * units;
    const T* next_block =
        p.packed_is_cold && next >= 0
            ? p.packed + (next % blocks * depth + parts.first(next / blocks)) * units
            : nullptr;
    int64_t tile = 0;
    for_row_tiles<kTileRows<kBlockVectors>>(p.rows, [&](auto rows, int64_t r) {
      constexpr int R = decltype(rows)::value;
      const bool ahead = kTerms == 1 && p.a_is_cold && block == 0 && r + 2 * R <= p.rows;
      const T* const* next_rows = ahead ? a.data() + r + R : nullptr;
      const T* next_part =
          part_of_block<T, kBlockVectors>(next_block, k_last - k_first, tile++, tiles);
      if (p.c_is_cold) {
        fetch_tile<T, R, kBlockVectors>([&](int64_t i) __attribute__((always_inline)) {
          return p.c[r + i] + first;
        });
      }
      if (next_rows != nullptr || next_part != nullptr || fetch_next.any()) {
        product_tile<T, R>(
            p,
            a.data(),
            b,
            r,
            first,
            k_first,
            k_last,
            add,
            [&](int64_t done, int64_t now) __attribute__((always_inline)) {
              if (next_rows != nullptr) {
                fetch_rows<T, R>(next_rows, k_first + done);
              }
              if (next_part != nullptr) {
                fetch_lines(next_part, done, now);
              }
              fetch_next();
            });
      } else {
        product_tile<T, R>(p, a.data(), b, r, first, k_first, k_last, add, NoFetch{});
      }
    });
  });
}

}  // namespace
}  // namespace masked_rnn

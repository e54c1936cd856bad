// Steps of a single row, which read weights, and compute a product besides, as no others do: the bits are the same.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <tuple>

#include "../../support/levels.h"
#include "../../support/steps.h"

namespace masked_rnn {
namespace {

template <class Pair>
class StepsOfOneRow : public testing::Test {};
TYPED_TEST_SUITE(StepsOfOneRow, TypesAndCells);

// A step of one row reads a weight as it is, in more than one piece of units.
TYPED_TEST(StepsOfOneRow, AWeightAsItIsGivesTheBitsOfThePackedOne) {
  using T = typename TypeParam::first_type;
  using Cell = typename TypeParam::second_type;
  constexpr int G = Cell::kGates;
  for (const int64_t H : {1, 7, 16, 17, 33, 70, 130}) {
    for (const int64_t depth : {1, 3, 4, 8, 9, 70, 300}) {
      for (const int64_t apart : {depth, depth + 5, int64_t{1024}}) {
        const int64_t saved_size = Cell::kSaved * H;
        auto h_prev = random_values<T>(std::max(H, depth));
        const auto weight = random_values<T>(G * H * apart), x = random_values<T>(G * H);
        const auto bias = random_values<T>(H), c_prev = random_values<T>(H);
        const auto h_rows = rows_of<const T>(h_prev, std::max(H, depth));
        const PackArguments<T> as_it_is{weight.data(), 1, apart, depth, H, G, 0, H, nullptr};
        for_each_level<T>([&](const Kernels<T>& k) {
          if (!k.by_step.reads_rows) {
            return;
          }
          std::vector<T> packed(k.by_step.packed_size(depth, H, G));
          PackArguments<T> all = as_it_is;
          all.packed = packed.data();
          k.by_step.pack(all);
          std::vector<T> h[2], c[2], saved[2];
          for (const bool is_packed : {false, true}) {
            h[is_packed].resize(H);
            c[is_packed] = c_prev;
            saved[is_packed].resize(saved_size + 1);
            auto out = rows_of<T>(h[is_packed], H);
            const auto saved_rows = rows_of<T>(saved[is_packed], saved_size + 1);
            auto s = step_arguments(H, depth, h_rows, packed, x, c[is_packed], out);
            s.bias_hn = bias.data();
            s.saved = Cell::kSaved > 0 ? saved_rows.data() : nullptr;
            if (!is_packed) {
              s.packed = nullptr;
              s.weight = as_it_is;
            }
            const int64_t middle = second_block(k, G, H);
            for (const auto& [first, last] :
                 {std::pair<int64_t, int64_t>{0, middle}, {middle, H}}) {
              s.first = first;
              s.last = last;
              Cell::step(k)(s);
            }
          }
          ASSERT_EQ(h[0], h[1]) << H << " " << depth << " " << apart;
          ASSERT_EQ(c[0], c[1]) << H << " " << depth << " " << apart;
          ASSERT_EQ(saved[0], saved[1]) << H << " " << depth << " " << apart;
        });
      }
    }
  }
}

// Steps of one row that compute a product on the way: neither gets other bits.
TYPED_TEST(StepsOfOneRow, AProductAheadHasTheBitsOfAProduct) {
  using T = typename TypeParam::first_type;
  using Cell = typename TypeParam::second_type;
  constexpr int G = Cell::kGates;
  for (const auto& [H, K, rows] : {std::tuple<int64_t, int64_t, int64_t>{70, 5, 9},
                                   {130, 130, 1},
                                   {128, 101, 4},
                                   {17, 256, 5},
                                   {256, 256, 6}}) {
    const int64_t N = G * H;
    auto a = random_values<T>(rows * K), h_prev = random_values<T>(H);
    const auto weight_ih = random_values<T>(N * K), weight_hh = random_values<T>(N * H);
    const auto x = random_values<T>(N), c_prev = random_values<T>(H);
    const auto a_rows = rows_of<const T>(a, K), h_rows = rows_of<const T>(h_prev, H);
    for_each_level<T>([&](const Kernels<T>& k) {
      if (k.ahead_depth < K) {
        EXPECT_EQ(k.ahead_depth, 0);
        return;
      }
      std::vector<T> packed_ih(k.by_batch.packed_size(K, N, 1)),
          packed_hh(k.by_step.packed_size(H, H, G)), expected(rows * N), actual(rows * N, T(9));
      k.by_batch.pack({weight_ih.data(), 1, K, K, N, 1, 0, N, packed_ih.data()});
      k.by_step.pack({weight_hh.data(), 1, H, H, H, G, 0, H, packed_hh.data()});
      auto bias = random_values<T>(N);
      bias.resize(N + k.by_batch.block_units(1));
      const auto expected_rows = rows_of<T>(expected, N), actual_rows = rows_of<T>(actual, N);
      ProductArguments<T> product{};
      product.rows = rows;
      product.depth = K;
      product.columns = N;
      product.a = a_rows.data();
      product.packed = packed_ih.data();
      product.bias = bias.data();
      product.c = expected_rows.data();
      k.by_batch.product(product);
      ProductAhead<T> ahead;
      ahead.product = product;
      ahead.product.c = actual_rows.data();
      std::vector<T> h_alone;
      for (ProductAhead<T>* of_step : {static_cast<ProductAhead<T>*>(nullptr), &ahead}) {
        for (int steps = 0; steps == 0 || (of_step != nullptr && of_step->done < rows); ++steps) {
          ASSERT_LT(steps, 10'000);
          std::vector<T> h(H);
          auto c = c_prev;
          const std::vector<T*> out{h.data()};
          auto s = step_arguments(H, H, h_rows, packed_hh, x, c, out);
          s.backwards = steps % 2 != 0;
          s.ahead = of_step;
          Cell::step(k)(s);
          h.insert(h.end(), c.begin(), c.end());
          if (of_step == nullptr) {
            h_alone = h;
          }
          ASSERT_EQ(h, h_alone) << H << " " << steps;
        }
      }
      EXPECT_EQ(actual, expected) << H << " " << K;
    });
  }
}

}  // namespace
}  // namespace masked_rnn

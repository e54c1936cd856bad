// The products of every level against naive loops, at sizes around every block's edge.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <array>
#include <cmath>
#include <vector>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

// Of sums of at most 1,100 products of order 1.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 2e-4 : 1e-12;

template <class T>
class Levels : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Levels, Types);

TYPED_TEST(Levels, ProductEqualsANaiveLoop) {
  using T = TypeParam;
  for (const auto [rows, depth] : std::vector<std::array<int64_t, 2>>{{0, 5},
                                                                      {1, 17},
                                                                      {2, 17},
                                                                      {3, 17},
                                                                      {5, 3},
                                                                      {6, 17},
                                                                      {7, 17},
                                                                      {8, 1},
                                                                      {13, 17},
                                                                      {4, 530}}) {
    for (const int64_t columns : {1, 7, 16, 63, 64, 65, 130, 256, 260}) {
      auto a = random_values<T>(rows * depth), b = random_values<T>(depth * columns);
      const auto bias = random_values<T>(columns);
      for_each_level<T>([&](const Kernels<T>& k) {
        std::vector<T> packed(k.by_step.packed_size(depth, columns, 1)), c(rows * columns);
        k.by_step.pack({b.data(), columns, 1, depth, columns, 1, 0, columns, packed.data()});
        const auto a_rows = rows_of<const T>(a, depth);
        const auto c_rows = rows_of<T>(c, columns);
        ProductArguments<T> p{
            rows, depth, columns, a_rows.data(), packed.data(), bias.data(), false, c_rows.data()};
        for (const bool backwards : {false, true}) {
          p.backwards = p.packed_is_cold = backwards;
          p.accumulate = false;
          k.by_step.product(p);
          p.accumulate = true;
          k.by_step.product(p);
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t n = 0; n < columns; ++n) {
              long double sum = bias[n];
              for (int64_t i = 0; i < depth; ++i) {
                sum += 2.0L * a[r * depth + i] * b[i * columns + n];
              }
              ASSERT_NEAR(c[r * columns + n], sum, kTolerance<T>)
                  << rows << " " << columns << " " << backwards;
            }
          }
        }
      });
    }
  }
}

TYPED_TEST(Levels, ARowsProductDoesNotDependOnTheOtherRows) {
  using T = TypeParam;
  const int64_t rows = 13, columns = 70, depth = 33;
  auto a = random_values<T>(rows * depth), b = random_values<T>(depth * columns);
  for_each_level<T>([&](const Kernels<T>& k) {
    std::vector<T> packed(k.by_step.packed_size(depth, columns, 1)), all(rows * columns), one(columns);
    k.by_step.pack({b.data(), columns, 1, depth, columns, 1, 0, columns, packed.data()});
    const auto a_rows = rows_of<const T>(a, depth);
    const auto all_rows = rows_of<T>(all, columns);
    k.by_step.product(
        {rows, depth, columns, a_rows.data(), packed.data(), nullptr, false, all_rows.data()});
    for (int64_t r = 0; r < rows; ++r) {
      T* row = one.data();
      k.by_step.product({1, depth, columns, a_rows.data() + r, packed.data(), nullptr, false, &row});
      for (int64_t n = 0; n < columns; ++n) {
        ASSERT_EQ(one[n], all[r * columns + n]);
      }
    }
  });
}

TYPED_TEST(Levels, OuterProductsAddUpLikeANaiveLoop) {
  using T = TypeParam;
  for (const int64_t rows : {0, 1, 21, 512, 530}) {
    for (const int64_t M : {1, 6, 15, 20, 200}) {
      for (const int64_t columns : {1, 16, 17, 64, 70}) {
        // Rows close together and far apart are read in different ways.
        const int64_t stride = columns % 2 == 0 ? M + 3 : M + 1000;
        auto a = random_values<T>(rows * stride), b = random_values<T>(rows * columns),
             other = random_values<T>(rows * 5);
        for_each_level<T>([&](const Kernels<T>& k) {
          std::vector<T> c(M * columns, T(7)), other_c(M * 5, T(7));  // overwritten
          std::vector<T> scratch(k.outer_scratch_size);
          const auto packed = [&](auto& side, int64_t N) {
            std::vector<T> result(k.outer_side_size(rows, N));
            const auto side_rows = rows_of<const T>(side, N);
            k.pack_outer_side({rows, N, 0, rows, side_rows.data(), result.data(), false});
            return result;
          };
          const auto b_packed = packed(b, columns), other_packed = packed(other, 5);
          const OuterSide<T> sides[]{{b_packed.data(), columns, c.data(), columns},
                                     {other_packed.data(), 5, other_c.data(), 5}};
          k.outer({rows, M, a.data(), stride, /*accumulate=*/false, sides, 2, scratch.data()});
          const auto check = [&](const auto& result, const auto& side, int64_t N) {
            for (int64_t m = 0; m < M; ++m) {
              for (int64_t n = 0; n < N; ++n) {
                long double sum = 0;
                for (int64_t r = 0; r < rows; ++r) {
                  sum += static_cast<long double>(a[r * stride + m]) * side[r * N + n];
                }
                ASSERT_NEAR(result[m * N + n], sum, kTolerance<T>) << rows << " " << M << " " << N;
              }
            }
          };
          check(c, b, columns);
          check(other_c, other, 5);
        });
      }
    }
  }
}

TYPED_TEST(Levels, ColumnSumsAddUpLikeANaiveLoop) {
  using T = TypeParam;
  for (const int64_t rows : {1, 511, 600}) {
    for (const int64_t columns : {1, 16, 70, 150}) {
      const int64_t stride = columns + 2;
      const auto a = random_values<T>(rows * stride), before = random_values<T>(columns);
      for_each_level<T>([&](const Kernels<T>& k) {
        auto sums = before;
        k.column_sums({rows, columns, a.data(), stride, sums.data()});
        for (int64_t n = 0; n < columns; ++n) {
          long double sum = before[n];
          for (int64_t r = 0; r < rows; ++r) sum += a[r * stride + n];
          ASSERT_NEAR(sums[n], sum, kTolerance<T>) << rows << " " << columns;
        }
      });
    }
  }
}

// Packing reads a weight along either direction, and blocks of several gates hold one gate after the
// other.
TYPED_TEST(Levels, PackedWeightsHoldGatesSideBySide) {
  using T = TypeParam;
  for (const int64_t gates : {1, 3, 4}) {
    for (const int64_t units : {1, 8, 16, 17, 64, 70}) {
      for (const int64_t depth : {1, 16, 37}) {
        const int64_t columns = gates * units;
        const auto weight = random_values<T>(columns * depth);
        for_each_level<T>([&](const Kernels<T>& k) {
          const int64_t size = k.by_step.packed_size(depth, units, gates);
          const int64_t block = gates == 1 ? 4 * k.lanes : k.lanes;
          std::vector<T> by_rows(size, T(-1)), by_columns(size, T(-2)), transposed(columns * depth);
          for (int64_t n = 0; n < columns; ++n) {
            for (int64_t d = 0; d < depth; ++d) transposed[d * columns + n] = weight[n * depth + d];
          }
          k.by_step.pack({weight.data(), 1, depth, depth, units, gates, 0, units, by_rows.data()});
          k.by_step.pack({transposed.data(), columns, 1, depth, units, gates, 0, units, by_columns.data()});
          ASSERT_EQ(by_rows, by_columns);
          // Where a weight counts as packed, that is what it is.
          const int64_t wide = columns + 1;
          for (const auto& [stride_k, stride_n] :
               {std::pair{columns, int64_t{1}}, {int64_t{1}, depth}, {wide, int64_t{1}}}) {
            const bool in_place = stride_k == columns && gates == 1 && units == block;
            ASSERT_EQ(
                k.by_step.is_packed({nullptr, stride_k, stride_n, depth, units, gates, 0, units, nullptr}),
                in_place);
            if (in_place) {
              ASSERT_EQ(by_rows, transposed);
            }
          }
          std::vector<T> by_shares(size, T(-3));
          for (const auto& [first, last] : {std::pair{block, units}, {int64_t{0}, block}}) {
            k.by_step.pack({weight.data(),
                    1,
                    depth,
                    depth,
                    units,
                    gates,
                    std::min(first, units),
                    std::min(last, units),
                    by_shares.data()});
          }
          ASSERT_EQ(by_rows, by_shares);
          for (int64_t i = 0; i < size; ++i) {
            const int64_t unit = i / (block * gates * depth) * block + i % block;
            const int64_t d = i / (block * gates) % depth, gate = i / block % gates;
            ASSERT_EQ(by_rows[i], unit < units ? weight[(gate * units + unit) * depth + d] : T(0));
          }
        });
      }
    }
  }
}

}  // namespace
}  // namespace masked_rnn

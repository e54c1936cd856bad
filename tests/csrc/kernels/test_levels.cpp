// The products of every level against naive loops, at sizes around every block's edge.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

// Of sums of at most 1,100 products of order 1.
template <class T>
constexpr double kSumTolerance = std::is_same_v<T, float> ? 2e-4 : 1e-12;

template <class T>
class Levels : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Levels, Types);

// Calls body(products) for both kinds of products of every level.
template <class T, class Body>
void for_each_products(const Body& body) {
  for_each_level<T>([&](const Kernels<T>& k) {
    for (const auto* products : {&k.by_step, &k.by_batch}) {
      SCOPED_TRACE(products == &k.by_step ? "by_step" : "by_batch");
      body(*products);
    }
  });
}

// Packs b [depth, columns].
template <class T>
std::vector<T> packed(const Products<T>& products,
                      const std::vector<T>& b,
                      int64_t depth,
                      int64_t columns) {
  std::vector<T> result(products.packed_size(depth, columns, 1));
  products.pack({b.data(), columns, 1, depth, columns, 1, 0, columns, result.data()});
  return result;
}

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
                                                                      {1, 32},
                                                                      {16, 33},
                                                                      {33, 64},
                                                                      {141, 129},
                                                                      {40, 290},
                                                                      {331, 40},
                                                                      {4, 530}}) {
    for (const int64_t columns : {1, 7, 16, 63, 64, 65, 130, 256, 260}) {
      auto a = random_values<T>(rows * depth), b = random_values<T>(depth * columns);
      const auto bias = random_values<T>(columns);
      std::vector<long double> exact(rows * columns);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t n = 0; n < columns; ++n) {
          for (int64_t i = 0; i < depth; ++i) {
            exact[r * columns + n] +=
                static_cast<long double>(a[r * depth + i]) * b[i * columns + n];
          }
        }
      }
      for_each_products<T>([&](const Products<T>& products) {
        const auto weight = packed(products, b, depth, columns);
        const auto a_rows = rows_of<const T>(a, depth);
        for (const int64_t apart : {columns, columns + 3}) {
          std::vector<T> c(rows * apart, T(9));
          auto c_rows = rows_of<T>(c, apart);
          if (apart > columns) {
            std::reverse(c_rows.begin(), c_rows.begin() + rows / 3);  // in no order
          }
          ProductArguments<T> p{rows,
                                depth,
                                columns,
                                a_rows.data(),
                                weight.data(),
                                bias.data(),
                                false,
                                c_rows.data()};
          for (const bool backwards : {false, true}) {
            p.backwards = p.packed_is_cold = p.a_is_cold = p.c_is_cold = backwards;
            p.next = {a_rows.data(), backwards ? rows : 0, depth};
            p.accumulate = false;
            products.product(p);
            p.accumulate = true;
            products.product(p);
            for (int64_t r = 0; r < rows; ++r) {
              for (int64_t n = 0; n < columns; ++n) {
                ASSERT_NEAR(c_rows[r][n], bias[n] + 2 * exact[r * columns + n], kSumTolerance<T>)
                    << rows << " " << columns << " " << backwards;
              }
              for (int64_t n = columns; n < apart; ++n) {
                ASSERT_EQ(c_rows[r][n], T(9));
              }
            }
          }
        }
      });
    }
  }
}

TYPED_TEST(Levels, ARowsProductDoesNotDependOnTheOtherRows) {
  using T = TypeParam;
  const int64_t rows = 141, columns = 70;
  for (const auto& [depth, infinite] :
       std::vector<std::pair<int64_t, bool>>{{33, false}, {300, false}, {33, true}, {300, true}}) {
    auto a = random_values<T>(rows * depth), b = random_values<T>(depth * columns);
    if (infinite) {
      a[20 * depth + depth - 1] = std::numeric_limits<T>::infinity();
    }
    const auto bias = random_values<T>(columns);
    for_each_products<T>([&](const Products<T>& products) {
      for (const bool accumulate : {false, true}) {
        const auto weight = packed(products, b, depth, columns);
        std::vector<T> all(rows * columns, T(3));
        const auto a_rows = rows_of<const T>(a, depth);
        const auto all_rows = rows_of<T>(all, columns);
        products.product({rows,
                          depth,
                          columns,
                          a_rows.data(),
                          weight.data(),
                          bias.data(),
                          accumulate,
                          all_rows.data()});
        for (int64_t r = 0; r < rows; ++r) {
          std::vector<T> one(columns, T(3));
          T* row = one.data();
          products.product(
              {1, depth, columns, a_rows.data() + r, weight.data(), bias.data(), accumulate, &row});
          for (int64_t n = 0; n < columns; ++n) {
            ASSERT_EQ(one[n], all[r * columns + n]);
          }
        }
      }
    });
  }
}

// What IEEE 754 makes of a product with them, up to rounding.
TYPED_TEST(Levels, InfinitiesNanAndHugeNumbersStayWhatTheyAre) {
  using T = TypeParam;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  constexpr T kHuge = std::numeric_limits<T>::max() / 16;  // sums of products stay finite
  const int64_t rows = 40, depth = 140, columns = 70;
  auto a = random_values<T>(rows * depth);
  const auto b = random_values<T>(depth * columns);
  const std::vector<T> special{
      kInfinity, -kInfinity, std::numeric_limits<T>::quiet_NaN(), kHuge, -kHuge, T(0x1p64)};
  for (size_t i = 0; i < special.size(); ++i) {
    a[(3 + 5 * i) * depth + 23 * i] = special[i];
  }
  for (const bool wild_weight : {false, true}) {
    auto weight = b;
    for (size_t i = 0; wild_weight && i < special.size(); ++i) {
      weight[(20 * i + 1) * columns + 6 * i] = special[i];
    }
    for_each_products<T>([&](const Products<T>& products) {
      const auto right = packed(products, weight, depth, columns);
      std::vector<T> c(rows * columns);
      const auto a_rows = rows_of<const T>(a, depth);
      const auto c_rows = rows_of<T>(c, columns);
      products.product(
          {rows, depth, columns, a_rows.data(), right.data(), nullptr, false, c_rows.data()});
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t n = 0; n < columns; ++n) {
          T sum = 0, magnitude = 0;
          for (int64_t k = 0; k < depth; ++k) {
            sum += a[r * depth + k] * weight[k * columns + n];
            magnitude += std::abs(a[r * depth + k] * weight[k * columns + n]);
          }
          const T got = c[r * columns + n];
          if (std::isfinite(sum)) {
            ASSERT_NEAR(got, sum, magnitude * kSumTolerance<T> / 10) << r << " " << n;
          } else if (std::isinf(sum)) {
            ASSERT_EQ(got, sum) << r << " " << n;
          } else {
            ASSERT_TRUE(std::isnan(got)) << r << " " << n;
          }
        }
      }
    });
  }
}

template <class T>
struct alignas(64) AlignedRow {
  T values[80];
};

TYPED_TEST(Levels, OuterProductsAddUpLikeANaiveLoop) {
  using T = TypeParam;
  for (const int64_t rows : {0, 1, 21, 32, 131, 512, 530}) {
    for (const int64_t M : {1, 6, 15, 16, 20, 32, 200}) {
      for (const int64_t columns : {1, 16, 17, 32, 64, 70}) {
        // Rows close together and far apart are read in different ways.
        const int64_t stride = columns % 2 == 0 ? M + 3 : M + 1000;
        auto a = random_values<T>(rows * stride), b = random_values<T>(rows * columns),
             other = random_values<T>(rows * 5);
        for_each_level<T>([&](const Kernels<T>& k) {
          std::vector<T> c(M * columns, T(7)), other_c(M * 5, T(7));  // overwritten
          std::vector<T> scratch(k.outer_scratch_size);
          std::vector<AlignedRow<T>> aligned(rows);
          const auto packed = [&](auto& side, int64_t N) {
            std::vector<T> result(k.outer_side_size(rows, N), std::nan(""));
            // Some begin with a cache line, and some do not.
            auto side_rows = rows_of<const T>(side, N);
            for (int64_t r = 0; N == columns && r < rows; r += 3) {
              std::copy_n(side_rows[r], N, aligned[r].values);
              side_rows[r] = aligned[r].values;
            }
            k.pack_outer_side({rows, N, side_rows.data(), result.data(), /*cold=*/N % 2 == 0, M});
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
                ASSERT_NEAR(result[m * N + n], sum, kSumTolerance<T>)
                    << rows << " " << M << " " << N;
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

// An infinity spoils the sums that it belongs to, the largest number none.
TYPED_TEST(Levels, OuterProductsOfHugeNumbersSpoilNoOtherSum) {
  using T = TypeParam;
  const int64_t rows = 70, M = 40, columns = 50;
  auto a = random_values<T>(rows * M), b = random_values<T>(rows * columns);
  a[3 * M + 7] = std::numeric_limits<T>::infinity();
  std::fill_n(a.begin() + 5 * M, M, T(0));
  b[5 * columns + 20] = std::numeric_limits<T>::max();
  for_each_level<T>([&](const Kernels<T>& k) {
    std::vector<T> c(M * columns), scratch(k.outer_scratch_size);
    std::vector<T> side(k.outer_side_size(rows, columns));
    const auto b_rows = rows_of<const T>(b, columns);
    k.pack_outer_side({rows, columns, b_rows.data(), side.data(), false, M});
    const OuterSide<T> sides[]{{side.data(), columns, c.data(), columns}};
    k.outer({rows, M, a.data(), M, /*accumulate=*/false, sides, 1, scratch.data()});
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < columns; ++n) {
        long double sum = 0;
        for (int64_t r = 0; r < rows; ++r) {
          sum += static_cast<long double>(a[r * M + m]) * b[r * columns + n];
        }
        if (m == 7) {
          ASSERT_FALSE(std::isfinite(c[m * columns + n]));
        } else {
          ASSERT_NEAR(c[m * columns + n], sum, kSumTolerance<T>) << m << " " << n;
        }
      }
    }
  });
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
          ASSERT_NEAR(sums[n], sum, kSumTolerance<T>) << rows << " " << columns;
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
          k.by_step.pack(
              {transposed.data(), columns, 1, depth, units, gates, 0, units, by_columns.data()});
          ASSERT_EQ(by_rows, by_columns);
          // Where a weight counts as packed, that is what it is.
          const int64_t wide = columns + 1;
          for (const auto& [stride_k, stride_n] :
               {std::pair{columns, int64_t{1}}, {int64_t{1}, depth}, {wide, int64_t{1}}}) {
            const bool in_place = stride_k == columns && gates == 1 && units == block;
            ASSERT_EQ(k.by_step.is_packed(
                          {nullptr, stride_k, stride_n, depth, units, gates, 0, units, nullptr}),
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

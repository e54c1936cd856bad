// The products of every level against naive loops, at sizes around every block's edge.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <cmath>
#include <random>
#include <vector>

namespace masked_rnn {
namespace {

template <class T>
std::vector<T> random_values(int64_t n) {
  static std::mt19937 engine(1);
  std::normal_distribution<T> normal;
  std::vector<T> values(n);
  for (T& value : values) {
    value = normal(engine);
  }
  return values;
}

template <class T, class Pointer = T>
std::vector<Pointer*> rows_of(std::vector<T>& values, int64_t columns) {
  std::vector<Pointer*> rows;
  for (size_t i = 0; i < values.size(); i += columns) {
    rows.push_back(values.data() + i);
  }
  return rows;
}

constexpr double kTolerance = 1e-4;  // of sums of at most 70 products of order 1, float

template <class T>
class Levels : public testing::Test {
 protected:
  template <class Body>
  void each_level(const Body& body) {
    for (const Level level : {Level::kDefault, Level::kAvx2, Level::kAvx512}) {
      if (level <= cpu_level()) {
        SCOPED_TRACE(static_cast<int>(level));
        body(kernels<T>(level));
      }
    }
  }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Levels, Types);

TYPED_TEST(Levels, ProductEqualsANaiveLoop) {
  using T = TypeParam;
  for (const int64_t rows : {0, 1, 2, 3, 5, 6, 7, 13}) {
    for (const int64_t columns : {1, 7, 16, 63, 64, 65, 130}) {
      const int64_t depth = 17;
      auto a = random_values<T>(rows * depth), b = random_values<T>(depth * columns);
      const auto bias = random_values<T>(columns);
      this->each_level([&](const Kernels<T>& k) {
        std::vector<T> packed(k.packed_size(depth, columns, 1)), c(rows * columns);
        k.pack({b.data(), columns, 1, depth, columns, 1, packed.data()});
        const auto a_rows = rows_of<T, const T>(a, depth);
        const auto c_rows = rows_of(c, columns);
        ProductArguments<T> p{
            rows, depth, columns, a_rows.data(), packed.data(), bias.data(), false, c_rows.data()};
        k.product(p);
        p.accumulate = true;
        k.product(p);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t n = 0; n < columns; ++n) {
            double sum = bias[n];
            for (int64_t i = 0; i < depth; ++i) {
              sum += 2.0 * a[r * depth + i] * b[i * columns + n];
            }
            ASSERT_NEAR(c[r * columns + n], sum, kTolerance) << rows << " " << columns;
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
  this->each_level([&](const Kernels<T>& k) {
    std::vector<T> packed(k.packed_size(depth, columns, 1)), all(rows * columns), one(columns);
    k.pack({b.data(), columns, 1, depth, columns, 1, packed.data()});
    const auto a_rows = rows_of<T, const T>(a, depth);
    const auto all_rows = rows_of(all, columns);
    k.product(
        {rows, depth, columns, a_rows.data(), packed.data(), nullptr, false, all_rows.data()});
    for (int64_t r = 0; r < rows; ++r) {
      T* row = one.data();
      k.product({1, depth, columns, a_rows.data() + r, packed.data(), nullptr, false, &row});
      for (int64_t n = 0; n < columns; ++n) {
        ASSERT_EQ(one[n], all[r * columns + n]);
      }
    }
  });
}

TYPED_TEST(Levels, OuterProductsAddUpLikeANaiveLoop) {
  using T = TypeParam;
  const int64_t rows = 21, M = 15, stride = 19;
  for (const int64_t columns : {1, 16, 17, 64, 70}) {
    auto a = random_values<T>(rows * stride), b = random_values<T>(rows * columns);
    const auto before = random_values<T>(M * columns);
    this->each_level([&](const Kernels<T>& k) {
      auto c = before;
      const auto b_rows = rows_of<T, const T>(b, columns);
      k.outer({rows, a.data(), stride, b_rows.data(), 2, M, columns, c.data(), columns});
      for (int64_t m = 0; m < M; ++m) {
        for (int64_t n = 0; n < columns; ++n) {
          double sum = before[m * columns + n];
          for (int64_t r = 0; m >= 2 && r < rows; ++r) {
            sum += static_cast<double>(a[r * stride + m]) * b[r * columns + n];
          }
          ASSERT_NEAR(c[m * columns + n], sum, kTolerance);
        }
      }
    });
  }
}

}  // namespace
}  // namespace masked_rnn

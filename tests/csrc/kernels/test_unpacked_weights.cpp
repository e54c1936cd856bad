// Products that read a weight as it is have the bits of those with the packed one.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <array>
#include <limits>
#include <vector>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

// A weight [depth, columns] among others in memory.
template <class T>
PackArguments<T> as_it_is(const T* values, int64_t depth, int64_t columns, bool along) {
  PackArguments<T> weight{};
  weight.weight = values;
  weight.stride_k = along ? 1 : columns + 3;
  weight.stride_n = along ? depth + 5 : 1;
  weight.depth = depth;
  weight.columns = columns;
  weight.gates = 1;
  weight.last = columns;
  return weight;
}

// All bits, so that a NaN equals itself.
template <class T>
std::vector<char> bytes_of(const std::vector<T>& values) {
  const auto* first = reinterpret_cast<const char*>(values.data());
  return {first, first + values.size() * sizeof(T)};
}

template <class T>
void expect_the_bits_of_packed(const Products<T>& products,
                               const PackArguments<T>& weight,
                               const std::vector<T>& a,
                               int64_t rows) {
  const int64_t depth = weight.depth, columns = weight.columns;
  std::vector<T> packed(products.packed_size(depth, columns, 1));
  PackArguments<T> all = weight;
  all.packed = packed.data();
  products.pack(all);
  const auto bias = random_values<T>(columns);
  auto a_values = a;
  const auto a_rows = rows_of<const T>(a_values, depth);
  for (const bool accumulate : {false, true}) {
    for (const bool backwards : {false, true}) {
      const auto run = [&](bool reads_packed) {
        std::vector<T> c(rows * columns, T(3));
        const auto c_rows = rows_of<T>(c, columns);
        ProductArguments<T> p{};
        p.rows = rows;
        p.depth = depth;
        p.columns = columns;
        p.a = a_rows.data();
        p.bias = bias.data();
        p.accumulate = accumulate;
        p.c = c_rows.data();
        p.backwards = backwards;
        if (reads_packed) {
          p.packed = packed.data();
        } else {
          p.weight = weight;
        }
        products.product(p);
        return c;
      };
      ASSERT_EQ(bytes_of(run(false)), bytes_of(run(true)))
          << rows << " " << depth << " " << columns << " " << accumulate << " " << backwards;
    }
  }
}

template <class T>
void check_products(const Products<T>& products) {
  // (Columns of 1019 operands are a multiple of 4 KB apart.)
  for (const auto [rows, depth] : std::vector<std::array<int64_t, 2>>{{1, 1},
                                                                      {1, 3},
                                                                      {1, 7},
                                                                      {1, 8},
                                                                      {1, 17},
                                                                      {1, 1019},
                                                                      {2, 33},
                                                                      {1, 64},
                                                                      {1, 300},
                                                                      {7, 290},
                                                                      {50, 140},
                                                                      {128, 530},
                                                                      {300, 70}}) {
    for (const int64_t columns : {1, 15, 16, 32, 63, 64, 65, 130, 256, 270, 330}) {
      const auto a = random_values<T>(rows * depth);
      auto values = random_values<T>((depth + 5) * (columns + 5));
      for (const bool along : {true, false}) {
        expect_the_bits_of_packed(
            products, as_it_is(values.data(), depth, columns, along), a, rows);
      }
    }
  }
}

template <class T>
class UnpackedWeights : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(UnpackedWeights, Types);

TYPED_TEST(UnpackedWeights, GiveTheBitsOfPackedOnes) {
  for_each_level<TypeParam>([](const Kernels<TypeParam>& k) {
    check_products(k.by_step);
    check_products(k.by_batch);
  });
}

TEST(UnpackedWeightsOfBfloat16, GiveTheBitsOfPackedOnes) {
  for (const Level level : {Level::kAvx512, Level::kAmx}) {
    if (level <= cpu_level()) {
      check_products(bfloat16_kernels(level).by_step);
      check_products(bfloat16_kernels(level).by_batch);
    }
  }
}

// Numbers that matrix tiles cannot multiply, in one of several stacks of terms.
TYPED_TEST(UnpackedWeights, MayHoldWhatMatrixTilesCannotMultiply) {
  using T = TypeParam;
  const int64_t rows = 40, depth = 300, columns = 70;
  for (const bool along : {true, false}) {
    const auto a = random_values<T>(rows * depth);
    auto values = random_values<T>((depth + 5) * (columns + 5));
    const auto weight = as_it_is(values.data(), depth, columns, along);
    values[140 * weight.stride_k + 20 * weight.stride_n] = std::numeric_limits<T>::infinity();
    values[299 * weight.stride_k + 69 * weight.stride_n] = std::numeric_limits<T>::max();
    for_each_level<T>([&](const Kernels<T>& k) {
      expect_the_bits_of_packed(k.by_step, weight, a, rows);
      expect_the_bits_of_packed(k.by_batch, weight, a, rows);
    });
  }
}

}  // namespace
}  // namespace masked_rnn

// Products of bfloat16 against those of float32: whole numbers with a remainder that rounding takes
// away must give, to the bit, what float32 gives for the whole numbers, whose sums are exact.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

struct Numbers {
  std::vector<float> whole, with_remainder;
};

Numbers random_numbers(int64_t n) {
  static std::mt19937 engine(1);
  std::uniform_int_distribution<int> magnitude(1, 8), sign(0, 1), remainder(-1, 1);
  Numbers result;
  for (int64_t i = 0; i < n; ++i) {
    const float whole = static_cast<float>(magnitude(engine) * (2 * sign(engine) - 1));
    result.whole.push_back(whole);
    result.with_remainder.push_back(whole * (1 + static_cast<float>(remainder(engine)) / 1024));
  }
  return result;
}

// Calls check(narrow, wide) for every level that multiplies bfloat16 here.
template <class Check>
void for_each_narrow(const Check& check) {
  bool any = false;
  for (const Level level : {Level::kAvx512, Level::kAmx}) {
    if (level > cpu_level() || &bfloat16_kernels(level) == &kernels<float>(level)) {
      continue;
    }
    any = true;
    SCOPED_TRACE(static_cast<int>(level));
    check(bfloat16_kernels(level), kernels<float>(Level::kAvx512));
  }
  if (!any) {
    GTEST_SKIP() << "this machine does not multiply bfloat16";
  }
}

TEST(Bfloat16, ProductsRoundWhatTheyMultiply) {
  for (const int64_t rows : {1, 6, 35}) {
    for (const int64_t depth : {1, 2, 31, 32, 33, 64, 65, 1100}) {
      for (const int64_t columns : {1, 16, 63, 64, 130, 260}) {
        const auto a = random_numbers(rows * depth), b = random_numbers(columns * depth);
        for (const bool along : {true, false}) {  // is a weight contiguous along the sum?
          const auto run =
              [&](const Products<float>& products, auto a_values, const auto& b_values) {
                std::vector<float> packed(products.packed_size(depth, columns, 1)),
                    c(rows * columns, 1);
                products.pack({b_values.data(),
                               along ? 1 : columns,
                               along ? depth : 1,
                               depth,
                               columns,
                               1,
                               0,
                               columns,
                               packed.data()});
                const auto a_rows = rows_of<const float>(a_values, depth);
                const auto c_rows = rows_of<float>(c, columns);
                products.product({rows,
                                  depth,
                                  columns,
                                  a_rows.data(),
                                  packed.data(),
                                  nullptr,
                                  /*accumulate=*/true,
                                  c_rows.data()});
                return c;
              };
          for_each_narrow([&](const Kernels<float>& narrow, const Kernels<float>& wide) {
            const auto expected = run(wide.by_step, a.whole, b.whole);
            ASSERT_EQ(run(narrow.by_step, a.with_remainder, b.with_remainder), expected)
                << rows << " " << depth << " " << columns << " " << along;
            ASSERT_EQ(run(narrow.by_batch, a.with_remainder, b.with_remainder), expected)
                << rows << " " << depth << " " << columns << " " << along;
          });
        }
      }
    }
  }
}

TEST(Bfloat16, OuterProductsRoundWhatTheyMultiply) {
  for (const int64_t rows : {1, 2, 21, 512, 531}) {
    for (const int64_t M : {1, 6, 8, 15, 40}) {
      for (const int64_t columns : {1, 16, 17, 64, 70}) {
        const int64_t stride = M + 3;
        const auto a = random_numbers(rows * stride), b = random_numbers(rows * columns);
        const auto run = [&](const Kernels<float>& k, const auto& a_values, auto b_values) {
          std::vector<float> c(M * columns, 7), scratch(k.outer_scratch_size);
          std::vector<float> packed(k.outer_side_size(rows, columns), std::nanf(""));
          const auto b_rows = rows_of<const float>(b_values, columns);
          k.pack_outer_side({rows, columns, b_rows.data(), packed.data(), false, M});
          const OuterSide<float> side{packed.data(), columns, c.data(), columns};
          k.outer(
              {rows, M, a_values.data(), stride, /*accumulate=*/true, &side, 1, scratch.data()});
          return c;
        };
        for_each_narrow([&](const Kernels<float>& narrow, const Kernels<float>& wide) {
          ASSERT_EQ(run(narrow, a.with_remainder, b.with_remainder), run(wide, a.whole, b.whole))
              << rows << " " << M << " " << columns;
        });
      }
    }
  }
}

TEST(Bfloat16, StepsRoundWhatTheyMultiply) {
  using Step = void (*Kernels<float>::*)(const StepArguments<float>&);
  const std::vector<std::pair<Step, int64_t>> steps{{&Kernels<float>::rnn_tanh_step, 1},
                                                    {&Kernels<float>::rnn_relu_step, 1},
                                                    {&Kernels<float>::gru_step, 3},
                                                    {&Kernels<float>::lstm_step, 4}};
  for (const auto& [step, gates] : steps) {
    for (const int64_t rows : {1, 4, 7, 16, 37}) {
      for (const int64_t H : {1, 16, 32, 37, 70}) {
        const auto weight = random_numbers(gates * H * H), h_prev = random_numbers(rows * H);
        const auto x = random_values<float>(rows * gates * H), c = random_values<float>(rows * H);
        const auto run = [&](const Kernels<float>& k, const auto& weights, const auto& before) {
          // Only what is multiplied is rounded: the GRU's sum with h_prev is not.
          auto given = gates == 3 ? h_prev.whole : before;
          std::vector<float> packed(k.by_step.packed_size(H, H, gates)), cell = c, h(rows * H);
          k.by_step.pack({weights.data(), 1, H, H, H, gates, 0, H, packed.data()});
          const auto before_rows = rows_of<const float>(given, H);
          const auto h_rows = rows_of<float>(h, H);
          StepArguments<float> s{};
          s.rows = rows;
          s.hidden = s.last = s.depth = H;
          s.h_prev = before_rows.data();
          s.packed = packed.data();
          s.gates = x.data();
          s.gates_stride = gates * H;
          s.c = cell.data();
          s.c_stride = H;
          s.h = h_rows.data();
          (k.*step)(s);
          h.insert(h.end(), cell.begin(), cell.end());
          return h;
        };
        for_each_narrow([&](const Kernels<float>& narrow, const Kernels<float>& wide) {
          ASSERT_EQ(run(narrow, weight.with_remainder, h_prev.with_remainder),
                    run(wide, weight.whole, h_prev.whole))
              << gates << " " << rows << " " << H;
        });
      }
    }
  }
}

}  // namespace
}  // namespace masked_rnn

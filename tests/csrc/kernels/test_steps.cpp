// One time step of every cell at every level, forward and backward, against its formula for one unit.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <memory>
#include <type_traits>

#include "../../support/levels.h"
#include "../../support/steps.h"

namespace masked_rnn {
namespace {

template <class Pair>
class StepKernels : public testing::Test {};
TYPED_TEST_SUITE(StepKernels, TypesAndCells);

template <class T>
constexpr double kUnitTolerance = std::is_same_v<T, float> ? 1e-5 : 1e-13;

TYPED_TEST(StepKernels, ForwardComputesTheCellsFormula) {
  using T = typename TypeParam::first_type;
  using Cell = typename TypeParam::second_type;
  constexpr int G = Cell::kGates;
  for (const int64_t H : {1, 7, 16, 17, 70, 130}) {
    for (const int64_t rows : {1, 2, 3, 6, 7, 9, 13}) {
      const int64_t depth = 5, x_stride = G * H + 3, saved_stride = Cell::kSaved * H;
      auto h_prev = random_values<T>(rows * std::max(H, depth));
      const auto weight = random_values<T>(G * H * depth), x = random_values<T>(rows * x_stride);
      const auto bias = random_values<T>(H), c_prev = random_values<T>(rows * H);
      const auto h_rows = rows_of<const T>(h_prev, std::max(H, depth));
      for_each_level<T>([&](const Kernels<T>& k) {
        std::vector<T> packed(k.by_step.packed_size(depth, H, G)), h(rows * H, T(9)),
            c = c_prev, saved(rows * saved_stride + 1);
        k.by_step.pack({weight.data(), 1, depth, depth, H, G, 0, H, packed.data()});
        auto out = rows_of<T>(h, H);
        const auto saved_rows = rows_of<T>(saved, std::max<int64_t>(saved_stride, 1));
        auto s = step_arguments(H, depth, h_rows, packed, x, c, out);
        s.bias_hn = bias.data();
        s.saved = Cell::kSaved > 0 ? saved_rows.data() : nullptr;
        const int64_t middle = second_block(k, G, H);
        for (const auto& [first, last] : {std::pair<int64_t, int64_t>{0, middle}, {middle, H}}) {
          s.first = first;
          s.last = last;
          s.backwards = first > 0;
          Cell::step(k)(s);
        }
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < H; ++j) {
            double gates[4], product[4];
            for (int g = 0; g < G; ++g) {
              gates[g] = x[r * x_stride + g * H + j];
              product[g] = 0;
              for (int64_t d = 0; d < depth; ++d) {
                product[g] += double(h_rows[r][d]) * weight[(g * H + j) * depth + d];
              }
            }
            const Unit unit =
                Cell::forward(gates, product, h_rows[r][j], c_prev[r * H + j], bias[j]);
            ASSERT_NEAR(h[r * H + j], unit.h, kUnitTolerance<T>) << H << " " << rows;
            if (G == 4) {
              ASSERT_NEAR(c[r * H + j], unit.c, kUnitTolerance<T>);
            }
            for (size_t p = 0; p < unit.saved.size(); ++p) {
              ASSERT_NEAR(saved[r * saved_stride + p * H + j], unit.saved[p], kUnitTolerance<T>)
                  << p;
            }
          }
        }
      });
    }
  }
}

// Where memory is cold, other instructions write and others are fetched; the numbers are the same.
TYPED_TEST(StepKernels, ForwardGivesTheSameBitsWhereMemoryIsCold) {
  using T = typename TypeParam::first_type;
  using Cell = typename TypeParam::second_type;
  constexpr int G = Cell::kGates;
  constexpr int64_t H = 96, depth = 96, rows = 40, saved_size = Cell::kSaved * H;
  auto h_prev = random_values<T>(rows * depth);
  const auto weight = random_values<T>(G * H * depth), x = random_values<T>(rows * G * H);
  const auto bias = random_values<T>(H), c_prev = random_values<T>(rows * H);
  const auto h_rows = rows_of<const T>(h_prev, depth);
  for_each_level<T>([&](const Kernels<T>& k) {
    std::vector<T> packed(k.by_step.packed_size(depth, H, G));
    k.by_step.pack({weight.data(), 1, depth, depth, H, G, 0, H, packed.data()});
    std::vector<T> h[2], c[2], saved[2];
    for (const bool cold : {false, true}) {
      constexpr size_t kVector = 64;
      h[cold].resize(rows * H);
      c[cold] = c_prev;
      saved[cold].resize(rows * saved_size + kVector);
      void* aligned = saved[cold].data();
      size_t space = saved[cold].size() * sizeof(T);
      std::align(kVector, rows * saved_size * sizeof(T), aligned, space);
      auto out = rows_of<T>(h[cold], H);
      auto s = step_arguments(H, depth, h_rows, packed, x, c[cold], out);
      s.bias_hn = bias.data();
      std::vector<T*> saved_rows(rows);
      for (int64_t r = 0; r < rows; ++r) {
        saved_rows[r] = static_cast<T*>(aligned) + r * saved_size;
      }
      s.saved = Cell::kSaved > 0 ? saved_rows.data() : nullptr;
      s.save_past_caches = s.packed_is_cold = s.h_is_cold = cold;
      for (const bool backwards : {false, true}) {
        s.backwards = backwards;
        Cell::step(k)(s);
      }
      const T* first = static_cast<T*>(aligned);
      saved[cold] = std::vector<T>(first, first + rows * saved_size);
    }
    EXPECT_EQ(h[0], h[1]);
    EXPECT_EQ(c[0], c[1]);
    EXPECT_EQ(saved[0], saved[1]);
  });
}

TYPED_TEST(StepKernels, BackwardComputesTheCellsDerivative) {
  using T = typename TypeParam::first_type;
  using Cell = typename TypeParam::second_type;
  for (const int64_t H : {1, 7, 16, 17, 70}) {
    for (const bool with_output : {false, true}) {
      const int64_t rows = 5, saved_stride = Cell::kSaved * H + 2,
                    stride = Cell::kGradGates * H + 1;
      auto saved = random_values<T>(rows * saved_stride);
      auto h_prev = random_values<T>(rows * H), h = random_values<T>(rows * H),
           grad_output = random_values<T>(rows * H);
      auto c_prev = random_values<T>(rows * H);
      const auto grad_h_in = random_values<T>(rows * H), grad_c_in = random_values<T>(rows * H);
      const auto saved_rows = rows_of<const T>(saved, saved_stride),
                 c_prev_rows = rows_of<const T>(c_prev, H);
      const auto h_prev_rows = rows_of<const T>(h_prev, H), h_rows = rows_of<const T>(h, H),
                 output_rows = rows_of<const T>(grad_output, H);
      for_each_level<T>([&](const Kernels<T>& k) {
        auto grad_h = grad_h_in, grad_c = grad_c_in;
        std::vector<T> grad_gates(rows * stride);
        StepBackwardArguments<T> s{};
        s.rows = rows;
        s.hidden = H;
        s.last = H;
        s.grad_output = with_output ? output_rows.data() : nullptr;
        s.grad_h = grad_h.data();
        s.grad_h_stride = H;
        s.grad_c = grad_c.data();
        s.grad_c_stride = H;
        s.saved = saved_rows.data();
        s.c_prev = c_prev_rows.data();
        s.h_prev = h_prev_rows.data();
        s.h = h_rows.data();
        s.grad_gates = grad_gates.data();
        s.grad_gates_stride = stride;
        Cell::backward(k)(s);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < H; ++j) {
            const int64_t at = r * H + j;
            double kept[5] = {};
            for (int p = 0; p < Cell::kSaved; ++p) kept[p] = saved[r * saved_stride + p * H + j];
            double of_h = grad_h_in[at] + (with_output ? double(grad_output[at]) : 0.0);
            double of_c = grad_c_in[at];
            const auto expected = Cell::gradient(kept, h[at], h_prev[at], c_prev[at], of_h, of_c);
            for (size_t g = 0; g < expected.size(); ++g) {
              const double actual = grad_gates[r * stride + g * H + j];
              const double scale = std::max(1.0, std::abs(expected[g]));
              ASSERT_NEAR(actual, expected[g], 10 * kUnitTolerance<T> * scale)
                  << H << " gate " << g;
            }
            if (Cell::kGates == 3) {
              ASSERT_NEAR(grad_h[at], of_h, 10 * kUnitTolerance<T>);
            }
            if (Cell::kGates == 4) {
              ASSERT_NEAR(grad_c[at], of_c, 100 * kUnitTolerance<T>);
            }
          }
        }
      });
    }
  }
}

}  // namespace
}  // namespace masked_rnn

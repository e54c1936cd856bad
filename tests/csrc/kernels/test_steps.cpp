// One time step of every cell at every level, forward and backward, against its formula for one unit.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <cmath>
#include <memory>
#include <tuple>
#include <type_traits>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What a unit does: x[g] and product[g] of its gates, its old c and h; what it keeps for backward.
struct Unit {
  double h, c;
  std::vector<double> saved;
};

struct TanhCell {
  static constexpr int kGates = 1, kSaved = 0, kGradGates = 1;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.rnn_tanh_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.rnn_tanh_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double, double) {
    return {std::tanh(x[0] + product[0]), 0, {}};
  }
  // grad of h and c -> grad_gates; grad_h and grad_c become those of the step before.
  static std::vector<double> gradient(
      const double*, double h, double, double, double& grad_h, double&) {
    return {grad_h * (1 - h * h)};
  }
};

struct ReluCell : TanhCell {
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.rnn_relu_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.rnn_relu_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double, double) {
    return {std::max(0.0, x[0] + product[0]), 0, {}};
  }
  static std::vector<double> gradient(
      const double*, double h, double, double, double& grad_h, double&) {
    return {h > 0 ? grad_h : 0};
  }
};

struct GruCell {
  static constexpr int kGates = 3, kSaved = 4, kGradGates = 4;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.gru_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.gru_step_backward;
  }
  static Unit forward(const double* x, const double* product, double h, double, double bias) {
    const double r = sigmoid(x[0] + product[0]), z = sigmoid(x[1] + product[1]);
    const double h_n = product[2] + bias, n = std::tanh(x[2] + r * h_n);
    return {(1 - z) * n + z * h, 0, {r, z, n, h_n}};
  }
  static std::vector<double> gradient(
      const double* s, double, double h_prev, double, double& grad_h, double&) {
    const double r = s[0], z = s[1], n = s[2], h_n = s[3];
    const double grad_n = grad_h * (1 - z) * (1 - n * n);
    const std::vector<double> result{
        grad_n * h_n * r * (1 - r), grad_h * (h_prev - n) * z * (1 - z), grad_n * r, grad_n};
    grad_h *= z;
    return result;
  }
};

struct LstmCell {
  static constexpr int kGates = 4, kSaved = 5, kGradGates = 4;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.lstm_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.lstm_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double c, double) {
    const double i = sigmoid(x[0] + product[0]), f = sigmoid(x[1] + product[1]);
    const double g = std::tanh(x[2] + product[2]), o = sigmoid(x[3] + product[3]);
    const double new_c = f * c + i * g;
    return {o * std::tanh(new_c), new_c, {i, f, g, o, new_c}};
  }
  static std::vector<double> gradient(
      const double* s, double, double, double c_prev, double& grad_h, double& grad_c) {
    const double i = s[0], f = s[1], g = s[2], o = s[3], tanh_c = std::tanh(s[4]);
    const double grad = grad_c + grad_h * o * (1 - tanh_c * tanh_c);
    grad_c = grad * f;
    return {grad * g * i * (1 - i),
            grad * c_prev * f * (1 - f),
            grad * i * (1 - g * g),
            grad_h * tanh_c * o * (1 - o)};
  }
};

template <class Pair>
class StepKernels : public testing::Test {};
using Pairs = testing::Types<std::pair<float, TanhCell>,
                             std::pair<float, ReluCell>,
                             std::pair<float, GruCell>,
                             std::pair<float, LstmCell>,
                             std::pair<double, TanhCell>,
                             std::pair<double, ReluCell>,
                             std::pair<double, GruCell>,
                             std::pair<double, LstmCell>>;
TYPED_TEST_SUITE(StepKernels, Pairs);

template <class T>
constexpr double kUnitTolerance = std::is_same_v<T, float> ? 1e-5 : 1e-13;

// The units from a multiple of the packed block on, as threads that share out units compute them.
template <class T>
int64_t second_block(const Kernels<T>& k, int64_t gates, int64_t H) {
  return std::min(k.by_step.block_units(gates), H);
}

// A step of all units. The gates' rows and those of c fill their vectors.
template <class T>
StepArguments<T> step_arguments(int64_t H,
                                int64_t depth,
                                const std::vector<const T*>& h_prev,
                                const std::vector<T>& packed,
                                const std::vector<T>& gates,
                                std::vector<T>& c,
                                const std::vector<T*>& h) {
  StepArguments<T> s{};
  s.rows = static_cast<int64_t>(h.size());
  s.hidden = s.last = s.c_stride = H;
  s.depth = depth;
  s.h_prev = h_prev.data();
  s.packed = packed.data();
  s.gates = gates.data();
  s.gates_stride = static_cast<int64_t>(gates.size()) / s.rows;
  s.c = c.data();
  s.h = h.data();
  return s;
}

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

// A step of one row reads a weight as it is, in more than one piece of units.
TYPED_TEST(StepKernels, AWeightAsItIsGivesTheBitsOfThePackedOne) {
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
TYPED_TEST(StepKernels, AProductAheadHasTheBitsOfAProduct) {
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

// Sigmoid and tanh of every level against a wider type: at most 2.5 ULP, exact at the tails.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <cmath>
#include <limits>
#include <vector>

namespace masked_rnn {
namespace {

std::vector<Level> levels() {
  std::vector<Level> result{Level::kDefault};
  for (const Level level : {Level::kAvx2, Level::kAvx512}) {
    if (cpu_level() >= level) {
      result.push_back(level);
    }
  }
  return result;
}

template <class T>
struct Wider;
template <>
struct Wider<float> {
  using type = double;
};
template <>
struct Wider<double> {
  using type = long double;
};

// Distance in units of the last place of the true value, or of the smallest normal number where the
// true value is less.
template <class T>
double ulps(T actual, typename Wider<T>::type expected) {
  const T rounded = static_cast<T>(std::fabs(expected));
  const T base = std::max(rounded, std::numeric_limits<T>::min());
  const T unit = std::nextafter(base, std::numeric_limits<T>::infinity()) - base;
  return static_cast<double>(std::fabs(actual - expected) / unit);
}

template <class T>
std::vector<T> arguments() {
  std::vector<T> x{0, -T(0), T(1e-30), T(-1e-30), std::numeric_limits<T>::denorm_min()};
  for (T v = -120; v <= 120; v += T(0.0137)) {
    x.push_back(v);
  }
  for (T v = -800; v <= 800; v += T(0.317)) {  // to where exp is no number of the type any more
    x.push_back(v);
  }
  for (T v = T(1e-8); v < 2; v *= T(1.0007)) {
    x.push_back(v);
    x.push_back(-v);
  }
  return x;
}

template <class T>
class Activations : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Activations, Types);

TYPED_TEST(Activations, TanhIsWithinTwoAndAHalfUlps) {
  using W = typename Wider<TypeParam>::type;
  const auto x = arguments<TypeParam>();
  std::vector<TypeParam> y(x.size());
  for (const Level level : levels()) {
    kernels<TypeParam>(level).tanh(static_cast<int64_t>(x.size()), x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(ulps<TypeParam>(y[i], std::tanh(W(x[i]))), 2.5) << "tanh(" << x[i] << ")";
    }
  }
}

TYPED_TEST(Activations, SigmoidIsWithinTwoAndAHalfUlps) {
  using W = typename Wider<TypeParam>::type;
  const auto x = arguments<TypeParam>();
  std::vector<TypeParam> y(x.size());
  for (const Level level : levels()) {
    kernels<TypeParam>(level).sigmoid(static_cast<int64_t>(x.size()), x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const W expected = 1 / (1 + std::exp(-W(x[i])));
      ASSERT_LE(ulps<TypeParam>(y[i], expected), 2.5) << "sigmoid(" << x[i] << ")";
    }
  }
}

TYPED_TEST(Activations, TailsAreExactAndNanStays) {
  const TypeParam inf = std::numeric_limits<TypeParam>::infinity();
  const std::vector<TypeParam> x{inf, -inf, std::numeric_limits<TypeParam>::quiet_NaN(), 0};
  std::vector<TypeParam> y(x.size());
  for (const Level level : levels()) {
    kernels<TypeParam>(level).tanh(4, x.data(), y.data());
    EXPECT_EQ(y[0], 1);
    EXPECT_EQ(y[1], -1);
    EXPECT_TRUE(std::isnan(y[2]));
    EXPECT_EQ(y[3], 0);
    kernels<TypeParam>(level).sigmoid(4, x.data(), y.data());
    EXPECT_EQ(y[0], 1);
    EXPECT_EQ(y[1], 0);
    EXPECT_TRUE(std::isnan(y[2]));
    EXPECT_EQ(y[3], TypeParam(0.5));
  }
}

}  // namespace
}  // namespace masked_rnn

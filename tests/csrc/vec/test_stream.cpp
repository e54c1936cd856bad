// Zeros that are written past the caches: all of them, and nothing beside them.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <vector>

#include "../../support/levels.h"

namespace masked_rnn {
namespace {

template <class T>
class Stream : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Stream, Types);

TYPED_TEST(Stream, ClearsWhereverTheNumbersStand) {
  using T = TypeParam;
  constexpr int64_t kSize = 100;
  for_each_level<T>([&](const Kernels<T>& k) {
    for (int64_t first = 0; first < 40; ++first) {
      for (const int64_t count : {0, 1, 3, 15, 16, 17, 33, 60}) {
        std::vector<T> numbers(kSize, T(1)), expected(kSize, T(1));
        std::fill_n(expected.begin() + first, count, T(0));
        k.clear(count, numbers.data() + first);
        ASSERT_EQ(numbers, expected) << first << " " << count;
      }
    }
  });
}

}  // namespace
}  // namespace masked_rnn

// What a product fetches meanwhile: everything, in as many times as it has, or one row each time.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/next_rows.h>

#include <algorithm>
#include <vector>

namespace masked_rnn {
namespace {

TEST(FetchNext, IsDoneInTime) {
  const std::vector<float> memory(1 << 16);
  for (const int64_t count : {0, 1, 3, 32}) {
    const std::vector<const float*> rows(count, memory.data());
    for (const int64_t size : {0, 1, 16, 17, 320, 1280}) {
      for (const int64_t times : {1, 2, 5, 31, 96, 5000}) {
        FetchNext<float> fetch_next({rows.data(), count, size}, times);
        int64_t calls = 0;
        for (; fetch_next.any() && calls <= 5000; ++calls) {
          fetch_next();
        }
        EXPECT_LE(calls, std::max(times, count)) << count << " " << size << " " << times;
        EXPECT_GE(calls, count);
        fetch_next();  // nothing is left to be fetched
        EXPECT_FALSE(fetch_next.any());
      }
    }
  }
}

}  // namespace
}  // namespace masked_rnn

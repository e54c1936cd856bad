// Which blocks of memory are kept, and which go back to the system.
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <masked_rnn/csrc/pool.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace masked_rnn {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kNoLimit = size_t{1} << 40;

// Takes one block of each size, all at once, then gives them back in that order.
void use(Pool& pool, const std::vector<size_t>& sizes) {
  std::vector<Pool::Block*> blocks;
  for (const size_t bytes : sizes) {
    blocks.push_back(pool.take(bytes));
  }
  for (Pool::Block* block : blocks) {
    pool.give_back(block);
  }
}

TEST(Pool, BlocksAreAlignedAndHoldWhatIsAskedFor) {
  Pool pool(0, kNoLimit);
  for (const size_t bytes : {0, 1, 64, 65, 1000, 4097, 1 << 20, (1 << 21) + 1}) {
    Pool::Block* block = pool.take(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Pool::data(block)) % 64, 0) << bytes;
    std::memset(Pool::data(block), 1, bytes);
    pool.give_back(block);
  }
}

TEST(Pool, TheBlockUsedLastIsTakenFirst) {
  Pool pool(16 * kBlock, kNoLimit);
  Pool::Block* first = pool.take(kBlock);
  Pool::Block* second = pool.take(kBlock);
  Pool::Block* third = pool.take(kBlock);
  pool.give_back(second);
  pool.give_back(third);
  pool.give_back(first);
  EXPECT_EQ(pool.kept_bytes(), 3 * kBlock);
  EXPECT_EQ(pool.take(kBlock), first);
  EXPECT_EQ(pool.take(kBlock), third);
  EXPECT_EQ(pool.take(kBlock), second);
  EXPECT_EQ(pool.kept_bytes(), 0);
  for (Pool::Block* block : {first, second, third}) {
    pool.give_back(block);
  }
}

TEST(Pool, ABlockMayBeTwiceAsLargeAsWhatIsAskedFor) {
  Pool pool(16 * kBlock, kNoLimit);
  use(pool, {2 * kBlock});
  Pool::Block* smaller = pool.take(kBlock - kBlock / 8);
  EXPECT_EQ(pool.kept_bytes(), 2 * kBlock);
  Pool::Block* half = pool.take(kBlock);
  EXPECT_EQ(pool.kept_bytes(), 0);
  pool.give_back(half);
  pool.give_back(smaller);
}

TEST(Pool, WhatIsUnusedForLongestGoesFirstWhateverItsSize) {
  // Sizes, in blocks given back one after the other, and what is kept when 40 come on top.
  const std::vector<std::pair<std::vector<size_t>, size_t>> cases = {
      {{4, 16, 1}, 1 + 40}, {{16, 4, 1}, 4 + 1 + 40}, {{1, 4, 16}, 40}};
  for (const auto& [sizes, kept] : cases) {
    Pool pool(50 * kBlock, kNoLimit);
    for (const size_t size : sizes) {
      use(pool, {size * kBlock});
    }
    EXPECT_EQ(pool.kept_bytes(), 21 * kBlock);
    use(pool, {40 * kBlock});
    EXPECT_EQ(pool.kept_bytes(), kept * kBlock);
  }
}

TEST(Pool, OfOneSizeTheOldestGoes) {
  Pool pool(4 * kBlock, kNoLimit);
  std::vector<Pool::Block*> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(pool.take(kBlock));
  }
  for (Pool::Block* block : blocks) {
    pool.give_back(block);
  }
  use(pool, {3 * kBlock});  // three go, all but the one given back last
  EXPECT_EQ(pool.kept_bytes(), 4 * kBlock);
  EXPECT_EQ(pool.take(kBlock), blocks.back());
  EXPECT_EQ(pool.kept_bytes(), 3 * kBlock);
  pool.give_back(blocks.back());
}

TEST(Pool, KeepsAsMuchAsWasInUseAtOnce) {
  Pool pool(kBlock, kNoLimit);
  const std::vector<size_t> step(10, kBlock);
  use(pool, step);
  EXPECT_EQ(pool.kept_bytes(), 10 * kBlock);
  // Not as much as was in use one after the other.
  for (size_t bytes = 2 * kBlock; bytes <= 4 * kBlock; bytes += kBlock) {
    use(pool, {bytes});
  }
  EXPECT_EQ(pool.kept_bytes(), 10 * kBlock);
  // Whatever is in use now.
  Pool::Block* used = pool.take(9 * kBlock);
  EXPECT_EQ(pool.kept_bytes(), 10 * kBlock);
  pool.give_back(used);
}

TEST(Pool, KeepsNoMoreThanItsLimit) {
  Pool pool(kBlock, 4 * kBlock);
  use(pool, std::vector<size_t>(10, kBlock));
  EXPECT_EQ(pool.kept_bytes(), 4 * kBlock);
}

TEST(Pool, ForgetsWhatWasInUseLongAgo) {
  Pool pool(2 * kBlock, kNoLimit);
  use(pool, std::vector<size_t>(100, kBlock));
  EXPECT_EQ(pool.kept_bytes(), 100 * kBlock);
  for (int i = 0; i < 10'000; ++i) {
    use(pool, {kBlock});
  }
  EXPECT_EQ(pool.kept_bytes(), 2 * kBlock);
}

TEST(Pool, EmptiedKeepsNothingButWhatIsInUse) {
  Pool pool(16 * kBlock, kNoLimit);
  Pool::Block* used = pool.take(kBlock);
  std::memset(Pool::data(used), 7, kBlock);
  use(pool, {kBlock, 2 * kBlock, 2 * kBlock, 3 * kBlock});
  EXPECT_EQ(pool.kept_bytes(), 8 * kBlock);
  pool.empty();
  EXPECT_EQ(pool.kept_bytes(), 0);
  EXPECT_EQ(static_cast<char*>(Pool::data(used))[kBlock - 1], 7);
  pool.give_back(used);
  EXPECT_EQ(pool.kept_bytes(), kBlock);
}

// Of each byte that is so many mebibytes from `memory` on, whether huge pages have been asked for it: 'h' or '-'.
// Empty where the system has none.
std::string huge_pages(const void* memory, const std::vector<size_t>& mebibytes) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled")) {
    return "";
  }
  std::string found(mebibytes.size(), '?');
  std::ifstream maps("/proc/self/smaps");
  uintptr_t first = 0, last = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    char dash = 0;
    if (uintptr_t from = 0, to = 0; words >> std::hex >> from >> dash >> to && dash == '-') {
      first = from;
      last = to;
    }
    if (!line.starts_with("VmFlags:")) {
      continue;
    }
    for (size_t i = 0; i < mebibytes.size(); ++i) {
      const auto address = reinterpret_cast<uintptr_t>(memory) + (mebibytes[i] << 20);
      if (first <= address && address < last) {
        found[i] = line.find(" hg") == std::string::npos ? '-' : 'h';
      }
    }
  }
  return found;
}

TEST(Pool, HugePagesAreAskedForWhereTheyWillBeUsed) {
  constexpr size_t kMebibyte = size_t{1} << 20;
  Pool pool(64 * kMebibyte, kNoLimit);
  Pool::Block* block = pool.take(8 * kMebibyte, 4 * kMebibyte + kMebibyte / 2);
  const std::vector<size_t> places{0, 1, 3, 4, 5, 7};
  const auto asked = [&] { return huge_pages(Pool::data(block), places); };
  if (asked().empty()) {
    GTEST_SKIP() << "the system has no transparent huge pages";
  }
  EXPECT_EQ(asked(), "hhh---");
  pool.give_back(block);
  // Never taken back: what is there may stay.
  EXPECT_EQ(pool.take(8 * kMebibyte, 1 * kMebibyte), block);
  EXPECT_EQ(asked(), "hhh---");
  pool.give_back(block);
  EXPECT_EQ(pool.take(8 * kMebibyte, 5 * kMebibyte), block);
  EXPECT_EQ(asked(), "hhhhh-");
  pool.give_back(block);
  EXPECT_EQ(pool.take(8 * kMebibyte), block);
  EXPECT_EQ(asked(), "hhhhhh");
  pool.give_back(block);
}

TEST(Pool, TooMuchIsAnErrorAndChangesNothing) {
  Pool pool(16 * kBlock, kNoLimit);
  use(pool, {kBlock});
  EXPECT_THROW(pool.take(size_t{1} << 63), c10::OutOfMemoryError);
  EXPECT_THROW(pool.take(size_t{1} << 47), c10::OutOfMemoryError);
  EXPECT_EQ(pool.kept_bytes(), kBlock);
  use(pool, {kBlock, kBlock});
  EXPECT_EQ(pool.kept_bytes(), 2 * kBlock);
}

TEST(Pool, ManyThreadsTakeAndGiveBack) {
  Pool pool(8 * kBlock, kNoLimit);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&pool, thread] {
      for (int i = 0; i < 2000; ++i) {
        Pool::Block* block = pool.take(kBlock * (1 + (i + thread) % 5));
        std::memset(Pool::data(block), thread, kBlock);
        EXPECT_EQ(static_cast<char*>(Pool::data(block))[kBlock - 1], thread);
        pool.give_back(block);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  pool.empty();
  EXPECT_EQ(pool.kept_bytes(), 0);
}

}  // namespace
}  // namespace masked_rnn

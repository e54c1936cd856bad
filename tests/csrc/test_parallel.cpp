// Which threads compute what.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <masked_rnn/csrc/parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace masked_rnn {
namespace {

class Threads : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { at::set_num_threads(GetParam()); }
  void TearDown() override { at::set_num_threads(before_); }
  const int before_ = at::get_num_threads();
};

// (Tests choose that one multiply-add is worth a thread; see main.cpp.)
TEST_P(Threads, AsManyAsHaveSomethingToDo) {
  EXPECT_EQ(num_threads(), GetParam());
  EXPECT_EQ(num_threads_for(0), 1);
  EXPECT_EQ(num_threads_for(1), 1);
  EXPECT_EQ(num_threads_for(2), std::min(2, GetParam()));
  EXPECT_EQ(num_threads_for(3), GetParam() == 3 ? 3 : std::min(2, GetParam()));
  EXPECT_EQ(num_threads_for(5), std::min(4, GetParam()));
  EXPECT_EQ(num_threads_for(int64_t{1} << 40), GetParam());
}

TEST_P(Threads, CallForEachOnce) {
  for (const int64_t count : {0, 1, 2, 7}) {
    std::mutex mutex;
    std::multiset<int64_t> called, expected;
    for (int64_t i = 0; i < count; ++i) {
      expected.insert(i);
    }
    for_each_at_once(count, GetParam(), [&](int64_t i) {
      const std::lock_guard lock(mutex);
      called.insert(i);
    });
    EXPECT_EQ(called, expected) << count;
  }
}

TEST_P(Threads, FindTheCallersModes) {
  for (const bool enabled : {false, true}) {
    const at::AutoGradMode mode(enabled);
    std::atomic<int64_t> same{0};
    for_each_at_once(
        7, GetParam(), [&](int64_t) { same += at::GradMode::is_enabled() == enabled ? 1 : 0; });
    EXPECT_EQ(same, 7) << enabled;
    EXPECT_EQ(at::GradMode::is_enabled(), enabled);
  }
}

TEST_P(Threads, ThrowWhatAnyOfThemThrew) {
  for (int64_t wrong = 0; wrong < 7; ++wrong) {
    std::atomic<int64_t> calls{0};
    const auto body = [&](int64_t i) {
      ++calls;
      if (i == wrong) {
        throw std::out_of_range("the one");
      }
    };
    EXPECT_THROW(for_each_at_once(7, GetParam(), body), std::out_of_range) << wrong;
    EXPECT_EQ(calls, 7);
  }
}

// Each job's members, as (job, member, size of its team).
using Calls = std::multiset<std::tuple<int64_t, int64_t, int64_t>>;

Calls calls(int64_t count, int64_t threads, int64_t expected) {
  Jobs jobs(count, expected);
  std::mutex mutex;
  Calls result;
  const auto body = [&](int64_t job, Team& team, int64_t member, int64_t stage) {
    EXPECT_EQ(stage, 0);
    team.wait();
    const std::lock_guard lock(mutex);
    result.emplace(job, member, team.size());
  };
  if (threads == expected) {
    jobs.run(body);
  } else {
    parallel_team(threads, [&](Team& team, int64_t member) { jobs.run(team, member, 0, body); });
  }
  return result;
}

TEST_P(Threads, ShareOutJobsOrDoOneAfterTheOther) {
  const int64_t threads = GetParam();
  for (const int64_t count : {1, 2, 3}) {
    const bool apart = count > 1 && threads % count == 0;
    EXPECT_EQ(Jobs::can_be_apart(count, threads), apart);
    const int64_t of_each = apart ? threads / count : threads;
    EXPECT_EQ(Jobs(count, threads).threads_of_each(), of_each);
    Calls expected;
    for (int64_t job = 0; job < count; ++job) {
      for (int64_t member = 0; member < of_each; ++member) {
        expected.emplace(job, member, of_each);
      }
    }
    EXPECT_EQ(calls(count, threads, threads), expected);
  }
}

TEST_P(Threads, DoAllJobsWhereThereAreFewerOfThem) {
  const int64_t threads = GetParam();
  const Calls alone{{0, 0, 1}, {1, 0, 1}, {2, 0, 1}};
  EXPECT_EQ(calls(3, threads, 3 * (threads + 1)), alone);
}

// Threads that have no job any more are let in to the one that goes on until as many have come as have room.
TEST_P(Threads, HelpWithOtherJobs) {
  const int64_t threads = GetParam();
  for (const int64_t count : {1, 2, 3}) {
    Jobs jobs(count, threads);
    const bool apart = Jobs::can_be_apart(count, threads);
    const int64_t most = jobs.most_of_each();
    EXPECT_EQ(most, apart ? 2 * jobs.threads_of_each() : threads);
    std::mutex mutex;
    std::set<int64_t> members;
    std::set<std::pair<int64_t, int64_t>> done;  // stage, member
    std::vector<int64_t> sizes;                  // of the team at each stage
    jobs.run([&](int64_t job, Team& team, int64_t member, int64_t stage) {
      if (job != 0) {
        EXPECT_EQ(stage, 0);
        return;
      }
      for (int64_t now = stage;; ++now) {
        {
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(done.emplace(now, member).second);
          members.insert(member);
          sizes.resize(now + 1, team.size());
          EXPECT_EQ(sizes[now], team.size());
        }
        if (team.size() == most) {
          return;
        }
        team.wait_and_let_in(now + 1);
      }
    });
    for (int64_t member = 0; member < most; ++member) {
      EXPECT_TRUE(members.contains(member)) << member << " of " << most;
    }
    int64_t expected = 0;
    for (const int64_t size : sizes) {
      expected += size;
    }
    EXPECT_EQ(done.size(), expected);
  }
}

TEST(Team, LetsNobodyInWithoutRoomOrNeed) {
  EXPECT_FALSE(Team(1).help().has_value());
  EXPECT_FALSE(Team(2, 2).help().has_value());
  Team closed(1, 2);
  closed.wait_and_let_in(1);
  EXPECT_EQ(closed.size(), 1);
  closed.close();
  EXPECT_FALSE(closed.help().has_value());
}

TEST(Team, SendsAwayWhoIsNotLetInBeforeItCloses) {
  Team team(1, 2);
  std::optional<Team::Helper> helper{{0, 0}};
  std::thread other([&] { helper = team.help(); });
  for (int i = 0; i < 1000; ++i) {
    team.wait();  // lets nobody in
  }
  EXPECT_EQ(team.size(), 1);
  team.close();
  other.join();
  EXPECT_FALSE(helper.has_value());
}

INSTANTIATE_TEST_SUITE_P(Numbers, Threads, testing::Values(1, 2, 3, 4, 6));

}  // namespace
}  // namespace masked_rnn

// The order of rows: by falling length, time-major, for any lengths and masks.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/schedule.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace masked_rnn {
namespace {

using Integers = std::vector<int64_t>;

TEST(Schedule, OrdersSequencesByFallingLengthAndRowsByStep) {
  const Integers lengths{2, 4, 0, 3};
  const Schedule s = schedule_from_lengths(lengths.data(), 4, /*reverse=*/false);
  EXPECT_EQ(s.order, (Integers{1, 3, 0, 2}));
  EXPECT_EQ(s.lengths, (Integers{4, 3, 2, 0}));
  EXPECT_EQ(s.offsets, (Integers{0, 3, 6, 8, 9}));
  EXPECT_EQ(s.times, (Integers{0, 0, 0, 1, 1, 1, 2, 2, 3}));
  EXPECT_EQ(s.num_rows, 9);
}

TEST(Schedule, ReverseBeginsAtEachSequencesLastStep) {
  const Integers lengths{2, 4, 0, 3};
  const Schedule s = schedule_from_lengths(lengths.data(), 4, /*reverse=*/true);
  EXPECT_EQ(s.times, (Integers{3, 2, 1, 2, 1, 0, 1, 0, 0}));
}

TEST(Schedule, EqualLengthsKeepTheCallersOrder) {
  const Integers lengths{1, 2, 1, 2};
  EXPECT_EQ(schedule_from_lengths(lengths.data(), 4, false).order, (Integers{1, 3, 0, 2}));
}

TEST(Schedule, AMaskWithHolesVisitsItsValidPositions) {
  // sequence 0: . x . x      sequence 1: x x x .
  const bool mask[] = {false, true, true, true, false, true, true, false};
  const Schedule forward = schedule_from_mask(mask, 2, 1, 4, 2, false);
  EXPECT_EQ(forward.order, (Integers{1, 0}));
  EXPECT_EQ(forward.times, (Integers{0, 1, 1, 3, 2}));
  const Schedule reverse = schedule_from_mask(mask, 2, 1, 4, 2, true);
  EXPECT_EQ(reverse.times, (Integers{2, 3, 1, 1, 0}));
}

TEST(Schedule, AMaskIsReadByItsStrides) {
  const bool batch_first[] = {true, true, false, true, false, false};  // [2, 3]
  const Schedule s = schedule_from_mask(batch_first, 1, 3, 3, 2, false);
  EXPECT_EQ(s.lengths, (Integers{2, 1}));
  EXPECT_EQ(s.times, (Integers{0, 0, 1}));
}

TEST(Schedule, HasAPaceWhereNoSequenceHasHoles) {
  const Integers lengths{2, 4, 0, 3};
  const Schedule forward = schedule_from_lengths(lengths.data(), 4, /*reverse=*/false);
  EXPECT_EQ(forward.pace, 1);
  EXPECT_EQ(schedule_of(forward, {0, 2}).pace, 1);
  const Schedule reverse = schedule_from_lengths(lengths.data(), 4, /*reverse=*/true);
  EXPECT_EQ(reverse.pace, -1);
  EXPECT_EQ(schedule_of(reverse, {1}).pace, -1);
  // Padded on either side; then with a hole in the second sequence.
  constexpr bool o = false, x = true;
  bool mask[] = {o, x, o, x, x, x, x, x, x, x, o, o};
  EXPECT_EQ(schedule_from_mask(mask, 3, 1, 4, 3, false).pace, 1);
  EXPECT_EQ(schedule_from_mask(mask, 3, 1, 4, 3, true).pace, -1);
  mask[4] = o;
  for (const bool back : {false, true}) {
    const Schedule with_hole = schedule_from_mask(mask, 3, 1, 4, 3, back);
    EXPECT_EQ(with_hole.pace, 0);
    EXPECT_EQ(schedule_of(with_hole, {0, 1}).pace, 0);
  }
}

TEST(Schedule, APartIsTheScheduleOfItsSequences) {
  // sequence 0: . x . x      sequence 1: x x x .      sequence 2: . . . .      sequence 3: x . . .
  constexpr bool o = false, x = true;
  const bool mask[] = {o, x, o, x, x, x, o, o, o, x, o, o, x, o, o, o};
  const Schedule all = schedule_from_mask(mask, 4, 1, 4, 4, false);
  ASSERT_EQ(all.order, (Integers{1, 0, 3, 2}));
  EXPECT_EQ(all.rows, (Integers{0, 1, 2, 3, 4, 5}));
  const Schedule s = schedule_of(all, {1, 2, 3});
  EXPECT_EQ(s.num_sequences, 3);
  EXPECT_EQ(s.num_steps, 2);
  EXPECT_EQ(s.num_rows, 3);
  EXPECT_EQ(s.order, (Integers{0, 3, 2}));
  EXPECT_EQ(s.lengths, (Integers{2, 1, 0}));
  EXPECT_EQ(s.offsets, (Integers{0, 2, 3}));
  EXPECT_EQ(s.times, (Integers{1, 0, 3}));
  EXPECT_EQ(s.rows, (Integers{1, 2, 4}));
  const Schedule apart = schedule_of(all, {0, 2});
  EXPECT_EQ(apart.order, (Integers{1, 3}));
  EXPECT_EQ(apart.times, (Integers{0, 0, 1, 2}));
  EXPECT_EQ(apart.rows, (Integers{0, 2, 3, 5}));
  EXPECT_EQ(schedule_of(apart, {1}).rows, (Integers{2}));
  EXPECT_EQ(schedule_of(all, {3}).num_rows, 0);
  EXPECT_EQ(schedule_of(all, {}).num_sequences, 0);
  EXPECT_EQ(schedule_of(all, {0, 1, 2, 3}).rows, all.rows);
}

TEST(Schedule, NothingToComputeIsASchedule) {
  const Integers zeros{0, 0};
  const Schedule s = schedule_from_lengths(zeros.data(), 2, false);
  EXPECT_EQ(s.num_rows, 0);
  EXPECT_EQ(s.num_steps, 0);
  EXPECT_EQ(schedule_from_lengths(nullptr, 0, false).num_sequences, 0);
}

const std::vector<Integers> kManyLengths{
    {5, 4, 3, 2, 1, 0, 0}, {100, 1, 1}, {3, 3, 3, 3}, {0, 0}, {7}};

Schedule of(const Integers& lengths) {
  return schedule_from_lengths(lengths.data(), static_cast<int64_t>(lengths.size()), false);
}

TEST(Shares, HaveEverySequenceOnceByFallingLength) {
  for (const Integers& lengths : kManyLengths) {
    const Schedule batch = of(lengths);
    for (int64_t count = 1; count <= 9; ++count) {
      const Shares shares(batch, count);
      ASSERT_EQ(shares.size(), count);
      Integers order, rows;
      for (int64_t i = 0; i < count; ++i) {
        const Schedule& share = shares[i];
        EXPECT_TRUE(std::is_sorted(share.lengths.rbegin(), share.lengths.rend()));
        order.insert(order.end(), share.order.begin(), share.order.end());
        rows.insert(rows.end(), share.rows.begin(), share.rows.end());
      }
      std::sort(order.begin(), order.end());
      std::sort(rows.begin(), rows.end());
      Integers all(lengths.size());
      std::iota(all.begin(), all.end(), int64_t{0});
      EXPECT_EQ(order, all);
      EXPECT_EQ(rows, batch.rows);
    }
  }
}

TEST(Shares, HaveAboutEquallyManyRows) {
  const auto rows = [](const Integers& lengths, int64_t count) {
    const Schedule batch = of(lengths);
    const Shares shares(batch, count);
    Integers result;
    for (int64_t i = 0; i < count; ++i) {
      result.push_back(shares[i].num_rows);
    }
    return result;
  };
  EXPECT_EQ(rows({8, 2, 2, 2, 2}, 2), (Integers{8, 8}));
  EXPECT_EQ(rows({7, 7, 2, 2, 2}, 2),
            (Integers{9, 11}));  // 7, and 2 that a second 7 leaves room for
  EXPECT_EQ(rows({9, 7, 6, 5, 4, 3}, 2), (Integers{16, 18}));
  EXPECT_EQ(rows({5, 5, 5, 4}, 2), (Integers{9, 10}));
  EXPECT_EQ(rows({6, 5, 5}, 2), (Integers{6, 10}));       // rather than 11 and 5
  EXPECT_EQ(rows({10, 6, 6, 6}, 2), (Integers{16, 12}));  // rather than 10 and 18
  EXPECT_EQ(rows({5, 4}, 2), (Integers{4, 5}));           // the 5 would not fit
  EXPECT_EQ(rows({6, 6, 6, 6, 6, 6}, 3), (Integers{12, 12, 12}));
  EXPECT_EQ(rows({1, 1}, 4), (Integers{0, 0, 1, 1}));
}

using Runs = std::vector<std::pair<int64_t, int64_t>>;

// Of each t.
std::vector<Runs> padding(const Schedule& batch, int64_t steps) {
  const Padding padding = padding_of(batch, steps);
  EXPECT_EQ(padding.runs_before.size(), static_cast<size_t>(steps + 1));
  EXPECT_EQ(padding.runs_before.back(), static_cast<int64_t>(padding.runs.size()));
  std::vector<Runs> result(steps);
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t i = padding.runs_before[t]; i < padding.runs_before[t + 1]; ++i) {
      result[t].emplace_back(padding.runs[i].first, padding.runs[i].last);
    }
  }
  return result;
}

TEST(Padding, IsWhereNoTokenIs) {
  EXPECT_EQ(padding(of({2, 4, 0, 3}), 5),
            (std::vector<Runs>{
                {{2, 3}}, {{6, 7}}, {{8, 9}, {10, 11}}, {{12, 13}, {14, 16}}, {{16, 20}}}));
  EXPECT_EQ(padding(of({2, 2}), 2), std::vector<Runs>(2));
  EXPECT_EQ(padding(of({0, 0, 0}), 1), (std::vector<Runs>{{{0, 3}}}));
  EXPECT_EQ(padding(of({}), 2), std::vector<Runs>(2));
  EXPECT_EQ(padding(of({0}), 0), std::vector<Runs>());
}

TEST(Padding, StandsAnywhereInMasks) {
  // [T, B] with holes and left padding.
  const bool mask[] = {true, false, false, true, true, false};
  for (const bool reverse : {false, true}) {
    EXPECT_EQ(padding(schedule_from_mask(mask, 2, 1, 3, 2, reverse), 3),
              (std::vector<Runs>{{{1, 2}}, {{2, 3}}, {{5, 6}}}));
  }
}

TEST(Split, EverySequenceWithRowsStandsInExactlyOneSlice) {
  for (const Integers& lengths : kManyLengths) {
    const Schedule s = of(lengths);
    for (int64_t step = 0; step <= s.num_steps; ++step) {
      for (int64_t count = 1; count <= 9; ++count) {
        int64_t next = 0;
        const auto slices = split(s, {step, s.num_steps}, count);
        ASSERT_EQ(static_cast<int64_t>(slices.size()), count);
        for (const Slice& slice : slices) {
          EXPECT_EQ(slice.first, next);
          EXPECT_LE(slice.first, slice.last);
          next = slice.last;
        }
        EXPECT_EQ(next, step < s.num_steps ? s.rows_at(step) : 0);
      }
    }
  }
}

TEST(Split, BalancesTheRowsOfItsSteps) {
  const Schedule s = of({8, 2, 2, 2, 2});
  EXPECT_EQ(split(s, {0, 8}, 2)[0].last, 1);
  EXPECT_EQ(split(s, {0, 2}, 2)[0].last, 3);
  EXPECT_EQ(split(s, {4, 8}, 2)[0].last, 1);
  EXPECT_EQ(split(of({7, 7, 2, 2, 2}), {0, 7}, 2)[0].last, 1);  // 7 and 13 rather than 14 and 6
}

TEST(PartsOfRows, AreFullAndNameTheStepsThatTheyNeed) {
  for (const Integers& lengths : kManyLengths) {
    const Schedule s = of(lengths);
    for (const int64_t rows : {1, 3, 4, 10, 1000}) {
      int64_t next_row = s.num_rows, next_step = s.num_steps;
      for (const Part& part : parts_of_rows(s, rows)) {
        EXPECT_EQ(part.last, next_row);
        EXPECT_EQ(part.steps.last, next_step);
        ASSERT_LT(part.first, part.last);
        ASSERT_LE(part.steps.first, part.steps.last);
        // It needs the steps that have its rows.
        EXPECT_LE(s.offsets[part.steps.first], part.first);
        if (part.steps.first < part.steps.last) {
          EXPECT_GT(s.offsets[part.steps.first + 1], part.first);
        }
        next_row = part.first;
        next_step = part.steps.first;
        // It is full, or one large step, or what comes before one, or the last.
        if (part.last - part.first > rows) {
          EXPECT_EQ(part.steps.last - part.steps.first, 1);
          EXPECT_EQ(part.last - part.first, s.rows_at(part.steps.first));
        } else if (part.last - part.first < rows && part.first > 0) {
          EXPECT_EQ(part.first, s.offsets[part.steps.first]);
          EXPECT_GT(s.rows_at(part.steps.first - 1), rows);
        }
      }
      EXPECT_EQ(next_row, 0);
      EXPECT_EQ(next_step, 0);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

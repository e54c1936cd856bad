// The order of rows: by falling length, time-major, for any lengths and masks.
#include <gtest/gtest.h>
#include <masked_rnn/csrc/schedule.h>

#include <memory>
#include <numeric>
#include <vector>

namespace masked_rnn {
namespace {

using Numbers = std::vector<int64_t>;

TEST(Schedule, OrdersSequencesByFallingLengthAndRowsByStep) {
  const Numbers lengths{2, 4, 0, 3};
  const Schedule s = schedule_from_lengths(lengths.data(), 4, /*reverse=*/false);
  EXPECT_EQ(s.order, (Numbers{1, 3, 0, 2}));
  EXPECT_EQ(s.lengths, (Numbers{4, 3, 2, 0}));
  EXPECT_EQ(s.offsets, (Numbers{0, 3, 6, 8, 9}));
  EXPECT_EQ(s.times, (Numbers{0, 0, 0, 1, 1, 1, 2, 2, 3}));
  EXPECT_EQ(s.num_rows, 9);
}

TEST(Schedule, ReverseBeginsAtEachSequencesLastStep) {
  const Numbers lengths{2, 4, 0, 3};
  const Schedule s = schedule_from_lengths(lengths.data(), 4, /*reverse=*/true);
  EXPECT_EQ(s.times, (Numbers{3, 2, 1, 2, 1, 0, 1, 0, 0}));
}

TEST(Schedule, EqualLengthsKeepTheCallersOrder) {
  const Numbers lengths{1, 2, 1, 2};
  EXPECT_EQ(schedule_from_lengths(lengths.data(), 4, false).order, (Numbers{1, 3, 0, 2}));
}

TEST(Schedule, AMaskWithHolesVisitsItsValidPositions) {
  // sequence 0: . x . x      sequence 1: x x x .
  const bool mask[] = {false, true, true, true, false, true, true, false};
  const Schedule forward = schedule_from_mask(mask, 2, 1, 4, 2, false);
  EXPECT_EQ(forward.order, (Numbers{1, 0}));
  EXPECT_EQ(forward.times, (Numbers{0, 1, 1, 3, 2}));
  const Schedule reverse = schedule_from_mask(mask, 2, 1, 4, 2, true);
  EXPECT_EQ(reverse.times, (Numbers{2, 3, 1, 1, 0}));
}

TEST(Schedule, AMaskIsReadByItsStrides) {
  const bool batch_first[] = {true, true, false, true, false, false};  // [2, 3]
  const Schedule s = schedule_from_mask(batch_first, 1, 3, 3, 2, false);
  EXPECT_EQ(s.lengths, (Numbers{2, 1}));
  EXPECT_EQ(s.times, (Numbers{0, 0, 1}));
}

TEST(Schedule, NothingToComputeIsASchedule) {
  const Numbers zeros{0, 0};
  const Schedule s = schedule_from_lengths(zeros.data(), 2, false);
  EXPECT_EQ(s.num_rows, 0);
  EXPECT_EQ(s.num_steps, 0);
  EXPECT_EQ(schedule_from_lengths(nullptr, 0, false).num_sequences, 0);
}

TEST(Split, EverySequenceStandsInExactlyOneSlice) {
  for (const Numbers& lengths : {Numbers{5, 4, 3, 2, 1, 0, 0}, Numbers{100, 1, 1}, Numbers{0, 0}}) {
    const Schedule s =
        schedule_from_lengths(lengths.data(), static_cast<int64_t>(lengths.size()), false);
    for (int64_t parts = 1; parts <= 9; ++parts) {
      int64_t next = 0;
      const auto slices = split(s, parts);
      EXPECT_LE(static_cast<int64_t>(slices.size()), parts);
      for (const Slice& slice : slices) {
        EXPECT_EQ(slice.first, next);
        EXPECT_LT(slice.first, slice.last);
        next = slice.last;
      }
      EXPECT_EQ(next, s.num_sequences);
    }
  }
}

TEST(Split, BalancesRowsNotSequences) {
  const Numbers lengths{8, 2, 2, 2, 2};
  const Schedule s = schedule_from_lengths(lengths.data(), 5, false);
  const auto slices = split(s, 2);
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].last, 1);
}

}  // namespace
}  // namespace masked_rnn

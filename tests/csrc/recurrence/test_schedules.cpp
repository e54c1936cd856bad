// Which schedules are kept, and what tells them apart.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <masked_rnn/csrc/recurrence/schedules.h>

#include <algorithm>
#include <string>

namespace masked_rnn {
namespace {

using Lengths = std::vector<int64_t>;

ScheduleKey key_of(const Lengths& lengths, bool reverse = false, int64_t more_steps = 0) {
  const int64_t steps = *std::max_element(lengths.begin(), lengths.end()) + more_steps;
  return {reverse, steps, static_cast<int64_t>(lengths.size()), lengths};
}

TEST(ScheduleCache, FindsWhatIsTheSameOnly) {
  ScheduleCache cache;
  const auto first = cache.find_or_make(key_of({2, 3}));
  EXPECT_EQ(first->whole().lengths, (Lengths{3, 2}));
  EXPECT_EQ(cache.find_or_make(key_of({2, 3})), first);
  EXPECT_EQ(cache.find_or_make(key_of({3, 2}))->whole().order, (Lengths{0, 1}));
  EXPECT_EQ(cache.find_or_make(key_of({2, 3}, /*reverse=*/true))->whole().times,
            (Lengths{2, 1, 1, 0, 0}));
  EXPECT_EQ(first->padding().runs.size(), 1U);
  EXPECT_EQ(cache.find_or_make(key_of({2, 3}, false, /*more_steps=*/2))->padding().runs.size(), 3U);
  // The same bytes of another shape.
  const std::vector<char> mask{1, 0, 0, 1, 1, 1};
  EXPECT_EQ(cache.find_or_make({false, 3, 2, {}, mask})->whole().lengths, (Lengths{2, 2}));
  EXPECT_EQ(cache.find_or_make({false, 2, 3, {}, mask})->whole().lengths, (Lengths{2, 1, 1}));
}

TEST(ScheduleCache, KeepsTheLastUsedOnes) {
  ScheduleCache cache;
  const auto one = cache.find_or_make(key_of({1}));
  const auto two = cache.find_or_make(key_of({2}));
  cache.find_or_make(key_of({3}));
  cache.find_or_make(key_of({4}));
  EXPECT_EQ(cache.find_or_make(key_of({1})), one);
  cache.find_or_make(key_of({5}));
  EXPECT_EQ(cache.find_or_make(key_of({1})), one);
  EXPECT_NE(cache.find_or_make(key_of({2})), two);
}

TEST(ScheduleCache, KeepsNoMoreThanItsBound) {
  ScheduleCache cache;
  const int64_t most = ((1 << 20) - 1) / 3;  // and as many steps
  const auto all = cache.find_or_make(key_of({most}));
  EXPECT_EQ(cache.find_or_make(key_of({most})), all);
  const auto too_long = cache.find_or_make(key_of({most + 1}));
  EXPECT_EQ(too_long->whole().num_rows, most + 1);
  EXPECT_NE(cache.find_or_make(key_of({most + 1})), too_long);
  const auto too_many_steps = cache.find_or_make(key_of({1}, false, most));
  EXPECT_NE(cache.find_or_make(key_of({1}, false, most)), too_many_steps);
  EXPECT_EQ(cache.find_or_make(key_of({most})), all);
  cache.find_or_make(key_of({1}));
  EXPECT_NE(cache.find_or_make(key_of({most})), all);
}

TEST(ScheduleCache, ForgetsWhatItKeeps) {
  ScheduleCache cache;
  const auto before = cache.find_or_make(key_of({2, 3}));
  cache.clear();
  EXPECT_NE(cache.find_or_make(key_of({2, 3})), before);
}

TEST(BatchSchedule, MakesSharesOnce) {
  const BatchSchedule batch(schedule_from_lengths(Lengths{5, 4, 3, 2}.data(), 4, false), 5);
  const Shares& two = batch.shares(2);
  const Shares& three = batch.shares(3);
  EXPECT_EQ(&batch.shares(2), &two);
  EXPECT_EQ(two.size(), 2);
  EXPECT_EQ(three.size(), 3);
  EXPECT_EQ(two[0].num_rows + two[1].num_rows, 14);
  EXPECT_EQ(&batch.shares(1)[0], &batch.whole());
}

LayerArguments layer_of(int64_t steps, int64_t batch) {
  LayerArguments a{};
  a.cell = CellKind::kGru;
  a.input = at::zeros({steps, batch, 1});
  return a;
}

TEST(ScheduleOf, NoticesWhatIsWrittenToLengths) {
  auto a = layer_of(4, 2);
  a.lengths = at::tensor({2, 3}, at::kLong);
  const auto before = schedule_of(a);
  EXPECT_EQ(schedule_of(a), before);
  a.lengths.mutable_data_ptr<int64_t>()[0] = 4;
  EXPECT_EQ(schedule_of(a)->whole().num_rows, 7);
  a.lengths.mutable_data_ptr<int64_t>()[0] = 2;
  EXPECT_EQ(schedule_of(a), before);
  forget_schedules();
  EXPECT_NE(schedule_of(a), before);
}

TEST(ScheduleOf, TakesLengthsThatAreChecked) {
  auto a = layer_of(4, 2);
  EXPECT_EQ(schedule_of(a)->whole().lengths, (Lengths{4, 4}));
  a.lengths = at::tensor({1, 9, 3, 9}, at::kInt).slice(0, 0, 4, 2);
  EXPECT_EQ(schedule_of(a)->whole().lengths, (Lengths{3, 1}));
  for (const int64_t wrong : {-1, 5}) {
    a.lengths = at::tensor({int64_t{4}, wrong});
    try {
      schedule_of(a);
      FAIL() << wrong;
    } catch (const c10::ValueError& error) {
      EXPECT_EQ(
          error.msg(),
          "masked_rnn::gru_layer: expected `lengths` to be in 0..4 (the number of steps), but "
          "got " +
              std::to_string(wrong) + " for sequence 1");
    }
  }
}

TEST(ScheduleOf, TakesMasksOfAnyStrides) {
  auto a = layer_of(3, 2);
  // [B, T], holes and left padding.
  const auto batch_first = at::tensor({1, 0, 1, 0, 1, 1}).to(at::kBool).view({2, 3});
  a.mask = batch_first.transpose(0, 1);
  const auto strided = schedule_of(a);
  EXPECT_EQ(strided->whole().times, (Lengths{0, 1, 2, 2}));
  a.mask = a.mask.contiguous();
  EXPECT_EQ(schedule_of(a), strided);
  a.reverse = true;
  EXPECT_EQ(schedule_of(a)->whole().times, (Lengths{2, 2, 0, 1}));
}

TEST(ScheduleOf, TakesEmptyBatchesAndSteps) {
  for (const bool masked : {false, true}) {
    for (const auto& [steps, batch] : {std::pair{0, 3}, std::pair{3, 0}, std::pair{0, 0}}) {
      auto a = layer_of(steps, batch);
      if (masked) {
        a.mask = at::zeros({steps, batch}, at::kBool);
      }
      const auto schedule = schedule_of(a);
      EXPECT_EQ(schedule->whole().num_sequences, batch);
      EXPECT_EQ(schedule->whole().num_rows, 0);
      EXPECT_EQ(schedule->whole().num_steps, 0);
    }
  }
}

}  // namespace
}  // namespace masked_rnn

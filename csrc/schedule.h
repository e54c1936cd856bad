// The order in which the valid tokens of a batch are computed, built once per layer from lengths or
// any mask. Reverse direction, holes and left padding are only other row indices.
#pragma once

#include <cstdint>
#include <vector>

namespace masked_rnn {

// Sequences stand by falling length (ties in the caller's order), rows time-major: step s computes
// rows offsets[s] .. offsets[s+1]-1, and row j of a step continues row j of the step before.
//
//   lengths 2 4 0 3          sequence order: 1 3 0 2 (the last has no rows)
//
//   step       0      1      2     3
//   order[0]=1 row 0  row 3  row 6 row 8
//   order[1]=3 row 1  row 4  row 7
//   order[2]=0 row 2  row 5
//   order[3]=2
//
// times[row] is the padded position t that the row reads and writes.
struct Schedule {
  int64_t num_sequences = 0;     // B
  int64_t num_rows = 0;          // N = sum of the lengths
  int64_t num_steps = 0;         // the longest length
  std::vector<int64_t> order;    // [B] sequences by falling length
  std::vector<int64_t> lengths;  // [B] in that order
  std::vector<int64_t> offsets;  // [num_steps + 1] first row of each step
  std::vector<int64_t> times;    // [N]
  std::vector<int64_t> rows;  // [N] of a share: which of the batch's rows each is; else all of them
  // What every row's time is more than that of the row which it continues: 1 or -1 where sequences have no
  // holes, else 0.
  int64_t pace = 0;

  int64_t rows_at(int64_t step) const { return offsets[step + 1] - offsets[step]; }
};

// lengths: [B] values 0..T.
Schedule schedule_from_lengths(const int64_t* lengths, int64_t B, bool reverse);

// mask: [T, B] of the given strides.
Schedule schedule_from_mask(
    const bool* mask, int64_t stride_t, int64_t stride_b, int64_t T, int64_t B, bool reverse);

// The schedule of some of a batch's sequences alone, the ones at `places` of its order, which rise. Its
// `order` still says which of the batch they are.
Schedule schedule_of(const Schedule& batch, const std::vector<int64_t>& places);

// A batch's sequences as `count` schedules with about equally many rows, each of the longest ones that are
// left and for which there is room. The last ones may be empty. A single share is the batch itself, which must
// live as long.
class Shares {
 public:
  Shares(const Schedule& batch, int64_t count);

  int64_t size() const { return size_; }
  const Schedule& operator[](int64_t i) const { return size_ == 1 ? batch_ : shares_[i]; }

 private:
  const Schedule& batch_;
  const int64_t size_;
  std::vector<Schedule> shares_;  // none of a single one
};

// Sequences [first, last) of the schedule's order.
struct Slice {
  int64_t first, last;
};

// Steps [first, last).
struct Steps {
  int64_t first, last;
};

// The sequences that have rows in some steps, as num_slices slices with about equally many of these
// rows; the last ones may be empty.
std::vector<Slice> split(const Schedule& schedule, Steps steps, int64_t num_slices);

// The positions t * B + b of a padded tensor [T, B, .] that hold no token.
struct Padding {
  // Half-open ranges of positions, of one t each.
  struct Run {
    int64_t first, last;
  };
  std::vector<Run> runs;
  std::vector<int64_t> runs_before;  // [T + 1] how many runs there are before each t
};

Padding padding_of(const Schedule& batch, int64_t steps);

// Rows [first, last), and the steps that have any of them and none of later rows. Steps from steps.last on
// that have rows before `last` belong to the part that comes after this one in time.
struct Part {
  int64_t first, last;
  Steps steps;
};

// All rows, from the last to the first, in parts of `rows` rows. A step that has more is a part of its own;
// the part that comes before one, and the last, may have fewer. Depends on nothing but the lengths.
std::vector<Part> parts_of_rows(const Schedule& schedule, int64_t rows);

}  // namespace masked_rnn

// The order in which the valid tokens of a batch are computed; see schedule.h.
#include <masked_rnn/csrc/schedule.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace masked_rnn {
namespace {

// Everything that follows from `order` and `lengths`, with room for `times` and `rows`.
void number_rows(Schedule& s) {
  s.num_sequences = static_cast<int64_t>(s.lengths.size());
  s.num_rows = std::accumulate(s.lengths.begin(), s.lengths.end(), int64_t{0});
  s.num_steps = s.lengths.empty() ? 0 : s.lengths.front();
  s.offsets.assign(s.num_steps + 1, 0);
  int64_t active = s.num_sequences;
  for (int64_t step = 0; step < s.num_steps; ++step) {
    while (s.lengths[active - 1] <= step) {
      --active;
    }
    s.offsets[step + 1] = s.offsets[step] + active;
  }
  s.times.resize(s.num_rows);
  s.rows.resize(s.num_rows);
}

// Everything but `times`, of a whole batch, from the number of valid tokens of each sequence.
Schedule order_rows(const std::vector<int64_t>& lengths) {
  Schedule s;
  s.order.resize(lengths.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  s.lengths.reserve(lengths.size());
  std::stable_sort(s.order.begin(), s.order.end(), [&](int64_t a, int64_t b) {
    return lengths[a] > lengths[b];
  });
  for (const int64_t b : s.order) {
    s.lengths.push_back(lengths[b]);
  }
  number_rows(s);
  std::iota(s.rows.begin(), s.rows.end(), int64_t{0});
  return s;
}

// See Schedule::pace.
int64_t pace_of(const Schedule& s) {
  for (const int64_t pace : {1, -1}) {
    bool kept = true;
    for (int64_t step = 1; kept && step < s.num_steps; ++step) {
      for (int64_t j = 0; j < s.rows_at(step); ++j) {
        kept &= s.times[s.offsets[step] + j] == s.times[s.offsets[step - 1] + j] + pace;
      }
    }
    if (kept) {
      return pace;
    }
  }
  return 0;
}

// A bool may hold any byte (a view of uint8, say); as in PyTorch, all but 0 is true.
bool is_valid(const bool* position) {
  return *reinterpret_cast<const unsigned char*>(position) != 0;
}

}  // namespace

Schedule schedule_from_lengths(const int64_t* lengths, int64_t B, bool reverse) {
  Schedule s = order_rows({lengths, lengths + B});
  for (int64_t step = 0; step < s.num_steps; ++step) {
    for (int64_t j = 0; j < s.rows_at(step); ++j) {
      s.times[s.offsets[step] + j] = reverse ? s.lengths[j] - 1 - step : step;
    }
  }
  s.pace = reverse ? -1 : 1;
  return s;
}

Schedule schedule_from_mask(
    const bool* mask, int64_t stride_t, int64_t stride_b, int64_t T, int64_t B, bool reverse) {
  std::vector<int64_t> lengths(B, 0);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t b = 0; b < B; ++b) {
      lengths[b] += is_valid(mask + t * stride_t + b * stride_b);
    }
  }
  Schedule s = order_rows(lengths);
  for (int64_t j = 0; j < B; ++j) {
    int64_t step = 0;
    for (int64_t i = 0; i < T && step < s.lengths[j]; ++i) {
      const int64_t t = reverse ? T - 1 - i : i;
      if (is_valid(mask + t * stride_t + s.order[j] * stride_b)) {
        s.times[s.offsets[step++] + j] = t;
      }
    }
  }
  s.pace = pace_of(s);
  return s;
}

Schedule schedule_of(const Schedule& batch, const std::vector<int64_t>& places) {
  Schedule s;
  s.order.reserve(places.size());
  s.lengths.reserve(places.size());
  for (const int64_t place : places) {
    s.order.push_back(batch.order[place]);
    s.lengths.push_back(batch.lengths[place]);
  }
  number_rows(s);
  s.pace = batch.pace;
  for (int64_t step = 0; step < s.num_steps; ++step) {
    for (int64_t j = 0; j < s.rows_at(step); ++j) {
      const int64_t row = s.offsets[step] + j, of_batch = batch.offsets[step] + places[j];
      s.times[row] = batch.times[of_batch];
      s.rows[row] = batch.rows[of_batch];
    }
  }
  return s;
}

Shares::Shares(const Schedule& batch, int64_t count) : batch_(batch), size_(count) {
  if (count == 1) {
    return;
  }
  std::vector<int64_t> left(batch.num_sequences);
  std::iota(left.begin(), left.end(), int64_t{0});
  int64_t rows_left = batch.num_rows;
  for (; count > 1; --count) {
    const int64_t share = rows_left / count;
    int64_t room = share;
    std::vector<int64_t> taken, others;
    for (const int64_t place : left) {
      const int64_t length = batch.lengths[place];
      const bool fits = length > 0 && length <= room;
      (fits ? taken : others).push_back(place);
      room -= fits ? length : 0;
    }
    // A little too much may be nearer to it than what is too little.
    const auto shortest = std::find_if(
        others.rbegin(), others.rend(), [&](int64_t place) { return batch.lengths[place] > 0; });
    if (shortest != others.rend() && batch.lengths[*shortest] < 2 * room) {
      room -= batch.lengths[*shortest];
      taken.insert(std::upper_bound(taken.begin(), taken.end(), *shortest), *shortest);
      others.erase(std::next(shortest).base());
    }
    rows_left -= share - room;
    shares_.push_back(schedule_of(batch, taken));
    left = std::move(others);
  }
  shares_.push_back(schedule_of(batch, left));
}

std::vector<Slice> split(const Schedule& schedule, Steps steps, int64_t num_slices) {
  const int64_t sequences = steps.last > steps.first ? schedule.rows_at(steps.first) : 0;
  const int64_t rows = schedule.offsets[steps.last] - schedule.offsets[steps.first];
  std::vector<Slice> slices;
  const auto rows_of = [&](int64_t sequence) {
    return std::min(schedule.lengths[sequence], steps.last) - steps.first;
  };
  int64_t first = 0, rows_before = 0;
  for (int64_t slice = 1; slice <= num_slices; ++slice) {
    int64_t last = first;
    // As near to its share as whole sequences come; the last slice takes them all.
    while (last < sequences && (2 * rows_before + rows_of(last)) * num_slices <= 2 * rows * slice) {
      rows_before += rows_of(last++);
    }
    slices.push_back({first, last});
    first = last;
  }
  return slices;
}

Padding padding_of(const Schedule& batch, int64_t steps) {
  const int64_t B = batch.num_sequences;
  std::vector<char> holds_token(steps * B, false);
  for (int64_t step = 0; step < batch.num_steps; ++step) {
    for (int64_t j = 0; j < batch.rows_at(step); ++j) {
      holds_token[batch.times[batch.offsets[step] + j] * B + batch.order[j]] = true;
    }
  }
  Padding padding;
  padding.runs_before.push_back(0);
  for (int64_t t = 0; t < steps; ++t) {
    const auto begin = holds_token.begin(), end = begin + (t + 1) * B;
    for (auto first = begin + t * B; first != end;) {
      first = std::find(first, end, false);
      const auto last = std::find(first, end, true);
      if (first != last) {
        padding.runs.push_back({first - begin, last - begin});
      }
      first = last;
    }
    padding.runs_before.push_back(static_cast<int64_t>(padding.runs.size()));
  }
  return padding;
}

std::vector<Part> parts_of_rows(const Schedule& schedule, int64_t rows) {
  const auto& offsets = schedule.offsets;
  int64_t large = 0;  // steps, which are the first ones
  while (large < schedule.num_steps && schedule.rows_at(large) > rows) {
    ++large;
  }
  std::vector<Part> parts;
  int64_t last = schedule.num_rows, step = schedule.num_steps;
  while (last > 0) {
    const int64_t first =
        last > offsets[large] ? std::max(offsets[large], last - rows) : offsets[step - 1];
    Part part{first, last, {step, step}};
    while (offsets[step] > first) {
      --step;
    }
    part.steps.first = step;
    parts.push_back(part);
    last = first;
  }
  return parts;
}

}  // namespace masked_rnn

// The forward walk of a share of a batch's sequences through time.
#pragma once

#include <masked_rnn/csrc/recurrence/input_projection.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/rows.h>

#include <vector>

namespace masked_rnn::recurrence {

// Rows whose input projection is computed before the recurrence walks them: enough to use each
// packed weight many times, few enough that their gates stay in the second-level cache.
inline constexpr int64_t kProjectedRows = 128;

// Of the walk through some sequences: where their rows stand, and what it throws away.
template <class T>
struct Walk {
  const Schedule& schedule;
  Scratch scratch;
  InputRows<T> input;
  std::vector<const T*> initial;  // [sequences] the h that each begins with
  std::vector<T*> output;         // [rows], and so is the next one
  std::vector<T*> saved;          // none without gradients
  Rows<T> c;                      // [sequences, H] cell state in the schedule's order
  Rows<T> gates;                  // [kProjectedRows + sequences, G*H] projected inputs
  Rows<T> h_raw;                  // [sequences, H] h before the projection
  std::vector<T*> gate_rows, h_raw_rows;

  Walk(const LayerArguments& a,
       const Schedule& schedule_,
       const LayerResult& result,
       const at::Tensor& h_0,
       const InputProjection<T>& project)
      : schedule(schedule_),
        input(project.rows_of(schedule)),
        output(row_pointers<T>(schedule, result.output)),
        saved(saved_pointers<T>(schedule, result.saved)) {
    const int64_t H = a.hidden_size(), sequences = schedule.num_sequences;
    const auto* h = h_0.template const_data_ptr<T>();
    initial.reserve(sequences);
    for (const int64_t b : schedule.order) {
      initial.push_back(h + b * a.output_size());
    }
    if (a.cell == CellKind::kLstm) {
      c = in_order<T>(schedule, a.c_0, scratch);
    }
    gates = scratch.rows<T>(kProjectedRows + sequences, num_gates(a.cell) * H);
    gate_rows = gates.pointers(kProjectedRows + sequences);
    if (a.projected()) {
      h_raw = scratch.rows<T>(sequences, H);
      h_raw_rows = h_raw.pointers(sequences);
    }
  }
};

}  // namespace masked_rnn::recurrence

// Times of several runners, round by round, so that whatever else the machine does meets all alike.
#pragma once

#include <vector>

#include "workload.h"

namespace masked_rnn::benchmark {

using Rounds = std::vector<StepSeconds>;

// One for each runner. Each round runs every runner once; a first round only warms up. At least so
// many rounds, and several times as many of short ones, until half a second has passed.
std::vector<Rounds> interleaved(const std::vector<Runner>& runners, int rounds);

// A part of the steps' times: &StepSeconds::forward, say.
template <class Part>
std::vector<double> seconds(const Rounds& rounds, const Part& part) {
  std::vector<double> values;
  for (const StepSeconds& step : rounds) values.push_back(std::invoke(part, step));
  return values;
}

double median(std::vector<double> values);

// Median of a[i] / b[i].
double ratio(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace masked_rnn::benchmark

// See timing.h.
#include "timing.h"

#include <algorithm>

namespace masked_rnn::benchmark {
namespace {

// What takes less than this in all its rounds has more of them, up to so many times as many.
constexpr double kLeastSeconds = 0.5;
constexpr int kMostTimesRounds = 20;

}  // namespace

std::vector<Rounds> interleaved(const std::vector<Runner>& runners, int rounds) {
  std::vector<Rounds> result(runners.size());
  double passed = 0;
  for (int round = -1;
       round < rounds || (passed < kLeastSeconds && round < kMostTimesRounds * rounds);
       ++round) {
    for (size_t i = 0; i < runners.size(); ++i) {
      const StepSeconds step = runners[i].run();
      passed += step.total();
      if (round >= 0) result[i].push_back(step);
    }
  }
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  return median(ratios);
}

}  // namespace masked_rnn::benchmark

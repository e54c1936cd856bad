// See experiments.h.
#include "experiments.h"

#include <masked_rnn/ops/lstm.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "timing.h"

namespace masked_rnn::benchmark {
namespace {

using nlohmann::json;

json compare(const std::string& name, const Runner& a, const Runner& b, double scale, int rounds) {
  const auto times = interleaved({a, b}, rounds);
  const auto first = seconds(times[0], &StepSeconds::total);
  const auto second = seconds(times[1], &StepSeconds::total);
  return {{"name", name},
          {"a_seconds", median(first)},
          {"b_seconds", median(second)},
          {"ratio", ratio(first, second) * scale}};
}

// The forward of one-hot indices below `vocabulary`, with weight_ih held by columns as the models do.
Runner one_hot(int64_t vocabulary) {
  torch::manual_seed(1);
  const int64_t T = 50, B = 32, H = 128;
  const std::vector<torch::Tensor> params{torch::randn({vocabulary, 4 * H}).t(),
                                          torch::randn({4 * H, H}) * 0.1};
  const auto index = torch::randint(0, vocabulary, {T, B}, torch::kLong);
  return {"one-hot", [=]() -> StepSeconds {
            const torch::NoGradGuard no_grad;
            const auto start = std::chrono::steady_clock::now();
            masked_rnn::lstm(index, {}, params, false, 1, 0.0, false, false, false);
            const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
            return {time.count(), 0};
          }};
}

}  // namespace

json experiments(int rounds) {
  json result;
  const auto training = Mode::kTraining;
  const Workload middle("lstm", {50, 32, 256, 256});
  result.push_back(compare("padded twice as far against not, lstm (50,32,256,256) training",
                           middle.ours_padded_to(100, training),
                           middle.ours(training),
                           1,
                           rounds));
  result.push_back(compare("bfloat16 against float32, lstm (50,32,256,256) training",
                           middle.ours(training, at::kBFloat16),
                           middle.ours(training),
                           1,
                           rounds));
  const auto of_length = [](int64_t steps) {
    return Workload("lstm", {steps, 32, 64, 64, /*layers=*/2, 1, /*even_lengths=*/true});
  };
  const Workload longest = of_length(4000), shortest = of_length(100);
  result.push_back(
      compare("a token of 4000 steps against one of 100, lstm (T,32,64,64) x 2 training",
              longest.ours(training),
              shortest.ours(training),
              static_cast<double>(shortest.tokens()) / static_cast<double>(longest.tokens()),
              rounds));
  result.push_back(
      compare("one-hot input of 100,000 words against 1,000, lstm (50,32,.,128) inference",
              one_hot(100'000),
              one_hot(1'000),
              1,
              rounds));
  return result;
}

}  // namespace masked_rnn::benchmark

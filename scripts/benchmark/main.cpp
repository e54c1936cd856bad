// Measures this project beside torch::nn, and both against what the machine can do at best. Prints a
// line for each measurement to standard error, and all of them as JSON to standard output.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "experiments.h"
#include "limits.h"
#include "timing.h"

namespace masked_rnn::benchmark {
namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> cells{"lstm", "gru", "rnn_tanh"};
  std::vector<std::string> shapes;
  std::vector<int> threads{1, 2};
  std::vector<int64_t> directions{1, 2};
  int rounds = 9;
  bool with_experiments = false;
  std::string peak_memory;
};

struct NamedShape {
  const char* name;
  Shape shape;
};
constexpr NamedShape kStandardShapes[]{
    {"25,16,64,64", {25, 16, 64, 64}},
    {"50,32,128,128", {50, 32, 128, 128}},
    {"50,32,256,256", {50, 32, 256, 256}},
    {"50,64,512,512", {50, 64, 512, 512}},
    {"100,128,256,256", {100, 128, 256, 256}},
    {"50,1,256,256", {50, 1, 256, 256}},
    {"1000,32,64,64,2", {1000, 32, 64, 64, 2, 1, /*even_lengths=*/true}},
};

// "T,B,I,H" or "T,B,I,H,layers".
Shape shape_of(const std::string& text) {
  for (const auto& standard : kStandardShapes) {
    if (text == standard.name) return standard.shape;
  }
  const auto sizes = CLI::detail::split(text, ',');
  std::vector<int64_t> values;
  for (const auto& size : sizes) {
    int64_t value = 0;
    if (!CLI::detail::lexical_cast(size, value) || value < 1) break;
    values.push_back(value);
  }
  if (values.size() != sizes.size() || values.size() < 4 || values.size() > 5) {
    throw CLI::ValidationError("--shapes", "expected T,B,I,H or T,B,I,H,layers, but got " + text);
  }
  return {values[0], values[1], values[2], values[3], values.size() > 4 ? values[4] : 1};
}

class Measurement {
 public:
  Measurement(int threads, int rounds)
      : threads_(threads), rounds_(rounds), peak_(fma_peak(threads)) {}

  double peak() const { return peak_; }

  json operator()(const std::string& cell, const std::string& name, Shape shape, Mode mode) {
    const Workload workload(cell, shape);
    const double bandwidth_before = read_bandwidth(threads_, workload.recurrent_weight_bytes());
    std::vector<double> rates, rates_alone;  // of multiply-adds, in each round
    const auto times = interleaved(
        {noting_rate(workload.ours(mode), rates), workload.packed(mode), workload.padded(mode)},
        rounds_);
    const auto by_itself =
        seconds(interleaved({noting_rate(workload.ours(mode), rates_alone)}, rounds_)[0],
                &StepSeconds::total);
    json entry{{"cell", cell},
               {"shape", name},
               {"directions", shape.directions},
               {"threads", threads_},
               {"mode", mode == Mode::kTraining ? "training" : "inference"},
               {"tokens", workload.tokens()},
               {"flop", workload.flop(mode)}};
    const double bytes = static_cast<double>(workload.recurrent_weight_bytes());
    // Other programs come and go: the better one of two looks counts.
    const double bandwidth =
        std::max(bandwidth_before, read_bandwidth(threads_, workload.recurrent_weight_bytes()));
    const double passes = static_cast<double>(shape.steps * shape.layers * shape.directions) *
                          (mode == Mode::kTraining ? 2 : 1);
    // Round by round, as the peers are compared.
    const auto fraction = [&](const std::vector<double>& rounds, const std::vector<double>& peaks) {
      std::vector<double> fractions;
      for (size_t i = 0; i < rounds.size(); ++i) {
        const double limit =
            std::max(workload.flop(mode) / peaks[i + 1], bytes * passes / bandwidth);
        fractions.push_back(limit / 1e9 / rounds[i]);
      }
      return median(fractions);
    };
    entry["peak_gflops"] = median(rates);
    const char* names[] = {"ours", "packed", "padded"};
    const auto ours = seconds(times[0], &StepSeconds::total);
    for (size_t i = 0; i < times.size(); ++i) {
      const auto total = seconds(times[i], &StepSeconds::total);
      entry[names[i]] = {{"seconds", median(total)},
                         {"forward_seconds", median(seconds(times[i], &StepSeconds::forward))},
                         {"backward_seconds", median(seconds(times[i], &StepSeconds::backward))},
                         {"gflops", workload.flop(mode) / median(total) / 1e9},
                         {"times_ours", ratio(total, ours)}};
    }
    entry["ours"]["fraction"] = fraction(ours, rates);
    entry["alone"] = {{"seconds", median(by_itself)},
                      {"gflops", workload.flop(mode) / median(by_itself) / 1e9},
                      {"fraction", fraction(by_itself, rates_alone)}};
    std::fprintf(
        stderr,
        "%-8s %-16s %lld dir %d thr %-9s  %6.1f GFLOP/s  of limit %.2f, alone %.2f  "
        "packed %5.2f x  padded %5.2f x  (forward %.2f x, backward %.2f x)\n",
        cell.c_str(),
        name.c_str(),
        static_cast<long long>(shape.directions),
        threads_,
        entry["mode"].get<std::string>().c_str(),
        entry["ours"]["gflops"].get<double>(),
        entry["ours"]["fraction"].get<double>(),
        entry["alone"]["fraction"].get<double>(),
        entry["packed"]["times_ours"].get<double>(),
        entry["padded"]["times_ours"].get<double>(),
        ratio(seconds(times[2], &StepSeconds::forward), seconds(times[0], &StepSeconds::forward)),
        mode == Mode::kTraining ? ratio(seconds(times[2], &StepSeconds::backward),
                                        seconds(times[0], &StepSeconds::backward))
                                : 0.0);
    return entry;
  }

 private:
  // The runner between two looks at what the machine can do at that moment, of which the better one
  // counts. The first round's is that of the round that warms up.
  Runner noting_rate(const Runner& runner, std::vector<double>& rates) const {
    return {runner.name, [&rates, run = runner.run, threads = threads_] {
              const double before = fma_rate(threads);
              const StepSeconds seconds = run();
              rates.push_back(std::max(before, fma_rate(threads)));
              return seconds;
            }};
  }

  int threads_, rounds_;
  double peak_;
};

json measure(const Options& options) {
  json result{{"torch", TORCH_VERSION},
              {"capability", at::get_cpu_capability()},
              {"rounds", options.rounds},
              {"limits", json::array()},
              {"results", json::array()}};
  for (const int threads : options.threads) {
    at::set_num_threads(threads);
    Measurement measurement(threads, options.rounds);
    std::fprintf(stderr, "%d threads: %.1f GFLOP/s at most\n", threads, measurement.peak());
    result["limits"].push_back({{"threads", threads}, {"gflops", measurement.peak()}});
    for (const int64_t directions : options.directions) {
      for (const auto& cell : options.cells) {
        for (const auto& name : options.shapes) {
          Shape shape = shape_of(name);
          shape.directions = directions;
          for (const Mode mode : {Mode::kTraining, Mode::kInference}) {
            result["results"].push_back(measurement(cell, name, shape, mode));
          }
        }
      }
    }
  }
  if (options.with_experiments) {
    at::set_num_threads(1);
    result["experiments"] = experiments(options.rounds);
  }
  return result;
}

// The most that this program has held in memory, in bytes. (getrusage's ru_maxrss will not do: it
// begins with what the program that started this one held.)
int64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      int64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
  }
  throw std::runtime_error("/proc/self/status does not tell the peak of memory (VmHWM)");
}

// The process's peak after some training steps by one peer alone, and that before the first step, when
// nothing but LibTorch and the batch stands in memory.
json peak_memory(const Options& options) {
  at::set_num_threads(options.threads.front());
  const std::string& name = options.shapes.front();
  const Workload workload(options.cells.front(), shape_of(name));
  const int64_t before = peak_bytes();
  const Runner runner = options.peak_memory == "ours" ? workload.ours(Mode::kTraining)
                                                      : workload.packed(Mode::kTraining);
  for (int i = 0; i < 3; ++i) runner.run();
  return {{"peer", options.peak_memory},
          {"cell", options.cells.front()},
          {"shape", name},
          {"bytes_before", before},
          {"peak_bytes", peak_bytes()}};
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw std::runtime_error("standard output: cannot be written");
  }
}

int run(int argc, char** argv) {
  CLI::App app{"Measures masked_rnn beside torch::nn and against the limits of this machine"};
  Options options;
  app.add_option("--cells", options.cells, "lstm, gru, rnn_tanh, rnn_relu")
      ->delimiter(',')
      ->check(CLI::IsMember({"lstm", "gru", "rnn_tanh", "rnn_relu"}));
  app.add_option("--shapes", options.shapes, "T,B,I,H or T,B,I,H,layers, separated by blanks");
  app.add_option("--threads", options.threads, "Numbers of threads")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--directions", options.directions, "1, 2")
      ->delimiter(',')
      ->check(CLI::Range(1, 2));
  app.add_option("--rounds", options.rounds, "Rounds of which the median is reported")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--experiments", options.with_experiments, "Padding, length, bfloat16, one-hot");
  app.add_option("--peak-memory", options.peak_memory, "Only the memory of training by one peer")
      ->check(CLI::IsMember({"ours", "packed"}));
  try {
    app.parse(argc, argv);
    if (options.shapes.empty()) {
      for (const auto& standard : kStandardShapes) options.shapes.emplace_back(standard.name);
    }
    for (const auto& shape : options.shapes) shape_of(shape);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) != 0) return 2;
    flush_output();
    return 0;
  }
  const json result = options.peak_memory.empty() ? measure(options) : peak_memory(options);
  std::printf("%s\n", result.dump(1).c_str());
  flush_output();
  return 0;
}

}  // namespace
}  // namespace masked_rnn::benchmark

int main(int argc, char** argv) {
  try {
    return masked_rnn::benchmark::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "masked-rnn-benchmark: %s\n", error.what());
    return 1;
  }
}

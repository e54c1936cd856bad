// Single claims about this project's own time and memory, each as a pair of runs.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace masked_rnn::benchmark {

// [{name, what, a, b, ratio}]: medians in seconds and the median ratio of a to b, interleaved.
nlohmann::json experiments(int rounds);

}  // namespace masked_rnn::benchmark

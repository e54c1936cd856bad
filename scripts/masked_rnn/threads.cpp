// See threads.h.
#include "threads.h"

#include <ATen/Parallel.h>

#include <string>

#include "usage_error.h"

namespace masked_rnn {
namespace {

constexpr int64_t kMostThreads = 1024;  // OpenMP ends a process that it cannot give its threads

}  // namespace

int64_t set_threads(int64_t wanted) {
  if (wanted < 0 || wanted > kMostThreads) {
    throw UsageError("--threads must be from 1 to " + std::to_string(kMostThreads) +
                     ", or 0 for one per core, but is " + std::to_string(wanted));
  }
  if (wanted > 0) at::set_num_threads(static_cast<int>(wanted));
  return at::get_num_threads();
}

}  // namespace masked_rnn

// The only door to threads; see parallel.h. This file is compiled with OpenMP, without which
// at::parallel_for runs serially.
#include <ATen/Parallel.h>
#include <masked_rnn/csrc/parallel.h>

namespace masked_rnn {

int64_t num_threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      task(i);
    }
  });
}

}  // namespace masked_rnn

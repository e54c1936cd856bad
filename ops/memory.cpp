// See memory.h.
#include <masked_rnn/csrc/recurrence/schedules.h>
#include <masked_rnn/csrc/recycled.h>
#include <masked_rnn/ops/memory.h>
#include <masked_rnn/ops/registration.h>
#include <torch/library.h>

namespace masked_rnn {

void empty_cache() {
  forget_schedules();
  free_unused_blocks();
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  // Not FROM_SCHEMA: without results, compilers would take it for something that does nothing.
  m.def(torch::schema("empty_cache() -> ()", c10::AliasAnalysisKind::CONSERVATIVE),
        TORCH_FN(masked_rnn::empty_cache));
}

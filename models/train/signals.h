// Signals that ask a training to stop, caught between its batches.
#pragma once

namespace masked_rnn {

// While it lives, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one ends the process
// as usual. Signals that were ignored before, as nohup does with SIGHUP, stay ignored. One at a
// time; the former actions come back at the end.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  // The signal that came, 0 for none.
  static int received();
};

}  // namespace masked_rnn

// One flag, set by the handler.
#include <masked_rnn/models/train/signals.h>
#include <signal.h>

#include <array>
#include <cstddef>

namespace masked_rnn {
namespace {

constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};

volatile sig_atomic_t received_signal = 0;
std::array<struct sigaction, kSignals.size()> former_actions;

extern "C" void note_signal(int signal) { received_signal = signal; }

}  // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &former_actions[i]);
    if (former_actions[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note_signal;
    // A system call that the signal meets goes on; a second signal meets the default action.
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &former_actions[i], nullptr);
  }
}

int StopSignals::received() { return received_signal; }

}  // namespace masked_rnn

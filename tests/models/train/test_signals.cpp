// Signals that stop a training (train/signals.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/signals.h>
#include <signal.h>

namespace {

using masked_rnn::StopSignals;

TEST(StopSignals, AreNoted) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const StopSignals signals;
    EXPECT_EQ(StopSignals::received(), 0);
    ::raise(signal);
    EXPECT_EQ(StopSignals::received(), signal);
  }
}

TEST(StopSignalsDeathTest, EndTheProcessTheSecondTime) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        ::raise(SIGTERM);
        ::raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM),
      "");
}

TEST(StopSignalsDeathTest, EndTheProcessAfterwards) {
  EXPECT_EXIT(
      {
        { const StopSignals signals; }
        ::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT),
      "");
}

TEST(StopSignals, StayIgnoredWhereTheyWere) {
  const auto former = ::signal(SIGHUP, SIG_IGN);
  {
    const StopSignals signals;
    ::raise(SIGHUP);
    EXPECT_EQ(StopSignals::received(), 0);
  }
  ::signal(SIGHUP, former);
}

}  // namespace

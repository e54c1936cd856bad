// Names and checks of the training options (train/options.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/options.h>
#include <tests/support/errors.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::message_of;

TEST(TrainingOptionNames, GoBothWays) {
  for (const std::string text : {"adam", "adamw", "sgd", "lbfgs"}) {
    EXPECT_EQ(name(optimizer_from_name(text)), text);
  }
  for (const std::string text : {"float32", "float64"}) {
    EXPECT_EQ(name(precision_from_name(text)), text);
  }
  EXPECT_EQ(message_of([] { optimizer_from_name("Adam"); }),
            "masked_rnn: expected optimizer to be one of adam, adamw, sgd, lbfgs, but got `Adam`");
  EXPECT_EQ(message_of([] { precision_from_name("half"); }),
            "masked_rnn: expected dtype to be one of float32, float64, but got `half`");
}

struct BadOption {
  void (*spoil)(TrainingOptions&);
  const char* message;
};

class BadTrainingOption : public testing::TestWithParam<BadOption> {};

TEST_P(BadTrainingOption, IsNamed) {
  TrainingOptions options;
  check(options);
  GetParam().spoil(options);
  EXPECT_EQ(message_of([&] { check(options); }), GetParam().message);
}

using Options = TrainingOptions;
INSTANTIATE_TEST_SUITE_P(
    All,
    BadTrainingOption,
    testing::Values(
        BadOption{[](Options& o) { o.learning_rate = 0; },
                  "masked_rnn: expected learning_rate to be greater than 0, but got 0"},
        BadOption{[](Options& o) { o.learning_rate = NAN; },
                  "masked_rnn: expected learning_rate to be greater than 0, but got nan"},
        BadOption{[](Options& o) { o.learning_rate_decay = 1.5; },
                  "masked_rnn: expected learning_rate_decay to be greater than 0 and at most 1, "
                  "but got 1.5"},
        BadOption{[](Options& o) { o.momentum = 1; },
                  "masked_rnn: expected momentum to be at least 0 and less than 1, but got 1"},
        BadOption{[](Options& o) { o.momentum = 0.5; },
                  "masked_rnn: expected momentum to be 0 with the optimizer adam, but got 0.5"},
        BadOption{[](Options& o) { o.weight_decay = -1; },
                  "masked_rnn: expected weight_decay to be at least 0, but got -1"},
        BadOption{[](Options& o) { o.clip_norm = -1; },
                  "masked_rnn: expected clip_norm to be at least 0, but got -1"},
        BadOption{[](Options& o) { o.epochs = 0; },
                  "masked_rnn: expected epochs to be at least 1, but got 0"},
        BadOption{[](Options& o) { o.patience = -1; },
                  "masked_rnn: expected patience to be at least 0, but got -1"},
        BadOption{[](Options& o) { o.min_loss = -0.5; },
                  "masked_rnn: expected min_loss to be at least 0, but got -0.5"},
        BadOption{[](Options& o) { o.batch_tokens = 0; },
                  "masked_rnn: expected batch_tokens to be at least 1, but got 0"},
        BadOption{[](Options& o) { o.word_dropout = -1.5; },
                  "masked_rnn: expected word_dropout to be at least 0, but got -1.5"},
        BadOption{[](Options& o) { o.min_count = 0; },
                  "masked_rnn: expected min_count to be at least 1, but got 0"},
        BadOption{[](Options& o) { o.threads = -1; },
                  "masked_rnn: expected threads to be at least 0, but got -1"},
        BadOption{[](Options& o) {
                    o.optimizer = OptimizerKind::kLbfgs;
                    o.weight_decay = 0.1;
                  },
                  "masked_rnn: expected weight_decay to be 0 with the optimizer lbfgs, but got "
                  "0.1"},
        BadOption{[](Options& o) {
                    o.optimizer = OptimizerKind::kLbfgs;
                    o.word_dropout = 0.5;
                  },
                  "masked_rnn: expected word_dropout to be 0 with the optimizer lbfgs, whose loss "
                  "must not vary, but got 0.5"}));

}  // namespace

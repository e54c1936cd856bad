// Names and checks of the training options.
#include <c10/util/Exception.h>
#include <masked_rnn/models/train/options.h>

namespace masked_rnn {

std::string name(OptimizerKind optimizer) {
  switch (optimizer) {
    case OptimizerKind::kAdam:
      return "adam";
    case OptimizerKind::kAdamW:
      return "adamw";
    case OptimizerKind::kSgd:
      return "sgd";
    case OptimizerKind::kLbfgs:
      return "lbfgs";
  }
  TORCH_INTERNAL_ASSERT(false);
}

std::string name(Precision precision) {
  return precision == Precision::kFloat32 ? "float32" : "float64";
}

OptimizerKind optimizer_from_name(const std::string& text) {
  for (const auto kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kSgd, OptimizerKind::kLbfgs}) {
    if (text == name(kind)) return kind;
  }
  TORCH_CHECK(false,
              "masked_rnn: expected optimizer to be one of adam, adamw, sgd, lbfgs, but got `",
              text,
              "`");
}

Precision precision_from_name(const std::string& text) {
  for (const auto precision : {Precision::kFloat32, Precision::kFloat64}) {
    if (text == name(precision)) return precision;
  }
  TORCH_CHECK(
      false, "masked_rnn: expected dtype to be one of float32, float64, but got `", text, "`");
}

double default_learning_rate(OptimizerKind optimizer) {
  switch (optimizer) {
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return 2e-3;
    case OptimizerKind::kSgd:
      return 0.1;
    case OptimizerKind::kLbfgs:
      return 1.0;
  }
  TORCH_INTERNAL_ASSERT(false);
}

namespace {

// NaN fails every comparison, and so every check.
template <typename Number>
void check_value(bool good, const char* option, const char* expected, Number value) {
  TORCH_CHECK(good, "masked_rnn: expected ", option, " to be ", expected, ", but got ", value);
}

}  // namespace

void check(const TrainingOptions& options) {
  constexpr auto kPositive = "greater than 0";
  constexpr auto kNotNegative = "at least 0";
  constexpr auto kAtLeastOne = "at least 1";
  const auto& [optimizer,
               learning_rate,
               learning_rate_decay,
               momentum,
               weight_decay,
               clip_norm,
               epochs,
               patience,
               min_loss,
               batch_tokens,
               word_dropout,
               min_count,
               seed,
               threads,
               precision] = options;
  check_value(learning_rate > 0, "learning_rate", kPositive, learning_rate);
  check_value(learning_rate_decay > 0 && learning_rate_decay <= 1,
              "learning_rate_decay",
              "greater than 0 and at most 1",
              learning_rate_decay);
  check_value(momentum >= 0 && momentum < 1, "momentum", "at least 0 and less than 1", momentum);
  check_value(weight_decay >= 0, "weight_decay", kNotNegative, weight_decay);
  check_value(clip_norm >= 0, "clip_norm", kNotNegative, clip_norm);
  check_value(epochs >= 1, "epochs", kAtLeastOne, epochs);
  check_value(patience >= 0, "patience", kNotNegative, patience);
  check_value(min_loss >= 0, "min_loss", kNotNegative, min_loss);
  check_value(batch_tokens >= 1, "batch_tokens", kAtLeastOne, batch_tokens);
  check_value(word_dropout >= 0, "word_dropout", kNotNegative, word_dropout);
  check_value(min_count >= 1, "min_count", kAtLeastOne, min_count);
  check_value(threads >= 0, "threads", kNotNegative, threads);
  TORCH_CHECK(momentum == 0 || optimizer == OptimizerKind::kSgd,
              "masked_rnn: expected momentum to be 0 with the optimizer ",
              name(optimizer),
              ", but got ",
              momentum);
  if (optimizer == OptimizerKind::kLbfgs) {
    TORCH_CHECK(weight_decay == 0,
                "masked_rnn: expected weight_decay to be 0 with the optimizer lbfgs, but got ",
                weight_decay);
    TORCH_CHECK(word_dropout == 0,
                "masked_rnn: expected word_dropout to be 0 with the optimizer lbfgs, whose loss "
                "must not vary, but got ",
                word_dropout);
  }
}

}  // namespace masked_rnn

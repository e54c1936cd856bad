// How a model is trained: the options that the command line, run.json and the C++ trainer share.
#pragma once

#include <cstdint>
#include <string>

namespace masked_rnn {

enum class OptimizerKind { kAdam, kAdamW, kSgd, kLbfgs };
enum class Precision { kFloat32, kFloat64 };

struct TrainingOptions {
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double learning_rate = 2e-3;
  double learning_rate_decay = 1.0;  // factor after every epoch
  double momentum = 0.0;             // SGD only
  double weight_decay = 0.0;
  double clip_norm = 5.0;  // greatest norm of the gradient of all weights; 0: any

  int64_t epochs = 20;    // at most
  int64_t patience = 5;   // epochs without a better result on the development set; 0: any number
  double min_loss = 0.0;  // stop when the training loss of an epoch is not above it

  int64_t batch_tokens = 2000;  // steps of a batch, padding included
  double word_dropout = 0.0;    // a word seen n times is read as <unk> with X / (X + n)
  int64_t min_count = 1;        // of a word in the training set, to be in the vocabulary
  uint64_t seed = 1;
  int64_t threads = 0;  // 0: one per core
  Precision precision = Precision::kFloat32;
};

// "adam", "adamw", "sgd", "lbfgs"; "float32", "float64". The inverse functions throw c10::Error that
// lists the names when `name` is none of them.
std::string name(OptimizerKind optimizer);
std::string name(Precision precision);
OptimizerKind optimizer_from_name(const std::string& name);
Precision precision_from_name(const std::string& name);

// The optimizer's usual rate.
double default_learning_rate(OptimizerKind optimizer);

// Throws c10::Error that names the first contradictory or impossible option.
void check(const TrainingOptions& options);

}  // namespace masked_rnn

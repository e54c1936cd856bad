// Defaults of training that depend on the problem, so that a first run needs no tuning.
#pragma once

#include <masked_rnn/models/options.h>
#include <masked_rnn/models/train/options.h>

#include <cstdint>

namespace masked_rnn {

struct TrainDefaults {
  int64_t hidden_size;
  int64_t character_hidden_size;
  double dropout;
  double word_dropout;
  int64_t batch_tokens;
  int64_t epochs;
};

// num_steps: of all training sequences together.
TrainDefaults train_defaults(Task task,
                             InputKind input,
                             OptimizerKind optimizer,
                             int64_t num_steps);

}  // namespace masked_rnn

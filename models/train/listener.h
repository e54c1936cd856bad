// What a training tells while it runs.
#pragma once

#include <masked_rnn/models/train/metrics.h>

#include <cstdint>

namespace masked_rnn {

struct BatchProgress {
  int64_t epoch = 0;        // 1 is the first
  int64_t epochs = 0;       // at most
  int64_t batch = 0;        // done in this epoch
  int64_t batches = 0;      // of every epoch
  double train_loss = 0.0;  // mean of this epoch so far, nats per target
  int64_t num_tokens = 0;   // of this epoch so far
  double seconds = 0.0;     // of this epoch so far
};

class TrainingListener {
 public:
  virtual ~TrainingListener() = default;
  virtual void on_batch(const BatchProgress& progress) = 0;
  // `best`: its weights are the ones that are kept, so far.
  virtual void on_epoch(const EpochMetrics& metrics, bool best) = 0;
};

}  // namespace masked_rnn

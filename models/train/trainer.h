// Training of a model on a data set: passes over batches, or L-BFGS over all of it, with checkpoints.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <masked_rnn/models/train/checkpoint.h>
#include <masked_rnn/models/train/listener.h>
#include <masked_rnn/models/train/options.h>
#include <masked_rnn/models/train/stopping.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace masked_rnn {

// What is trained on; not owned, and must outlive the trainer.
struct TrainingData {
  const DataSet* train = nullptr;
  const DataSet* dev = nullptr;            // or nullptr
  const Vocabulary* vocabulary = nullptr;  // nullptr exactly for dense input
  const LabelSet* labels = nullptr;
};

// The same weights, data, options, number of threads and state of torch's default random generator
// give the same bits, however often training is interrupted and resumed.
class Trainer {
 public:
  // Throws c10::Error as check(options) does, and if the model's dropout is not 0 with L-BFGS.
  Trainer(std::shared_ptr<SequenceModel> model, TrainingData data, TrainingOptions options);

  // From now on the state is kept in `folder`, which must exist: checkpoint.pt and metrics.jsonl
  // after every epoch and when interrupted, model.pt whenever the weights to keep change.
  // checkpoint.pt is written at once. DataError here or later if a file cannot be written.
  void start_in(const std::string& folder);

  // As start_in, but goes on from the checkpoint of the folder. DataError if it does not suit.
  void resume_in(const std::string& folder);

  // Trains until a stopping rule holds or `stop`, asked between batches, returns true. The model
  // then has the weights of the best epoch; if interrupted, those of the moment. Throws DataError
  // if the loss is no longer a number.
  StopReason train(TrainingListener& listener, const std::function<bool()>& stop);

  const TrainingState& state() const { return state_; }

 private:
  using Batches = std::vector<std::vector<int64_t>>;

  // Each returns false if stopped on the way, with a checkpoint from where to go on.
  bool train_epoch(TrainingListener& listener, const std::function<bool()>& stop);
  bool train_full_batch(TrainingListener& listener, const std::function<bool()>& stop);
  bool finish_epoch(TrainingListener& listener, const std::function<bool()>& stop);

  std::optional<StopReason> ended() const;
  Batch training_batch(const std::vector<int64_t>& examples) const;
  void learn_from(const std::vector<int64_t>& examples);
  void check_loss(double loss) const;
  void report(TrainingListener& listener, int64_t batch, int64_t batches) const;
  int64_t epoch() const { return static_cast<int64_t>(state_.history.size()); }  // 0 is the first
  void save_state() const;
  void save_epoch(bool best) const;

  std::shared_ptr<SequenceModel> model_;
  TrainingData data_;
  TrainingOptions options_;
  std::vector<int64_t> lengths_;  // of the training sequences
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  TrainingState state_;
  std::string folder_;  // empty: nothing is kept
};

}  // namespace masked_rnn

// The training loop. What a pass over the data is stands here and in full_batch.cpp.
#include <c10/util/Exception.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/text/batches.h>
#include <masked_rnn/models/train/full_batch.h>
#include <masked_rnn/models/train/optimizer.h>
#include <masked_rnn/models/train/trainer.h>
#include <torch/nn/utils/clip_grad.h>

#include <chrono>
#include <cmath>
#include <utility>

namespace masked_rnn {
namespace {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Trainer::Trainer(std::shared_ptr<SequenceModel> model, TrainingData data, TrainingOptions options)
    : model_(std::move(model)), data_(data), options_(std::move(options)) {
  check(options_);
  TORCH_CHECK(options_.optimizer != OptimizerKind::kLbfgs || model_->options().dropout == 0.0,
              "masked_rnn: expected dropout to be 0 with the optimizer lbfgs, whose loss must not "
              "vary, but got ",
              model_->options().dropout);
  optimizer_ = make_optimizer(model_->parameters(), options_);
  for (const Example& example : data_.train->examples) {
    lengths_.push_back(sequence_length(example));
  }
}

void Trainer::start_in(const std::string& folder) {
  folder_ = folder;
  save_state();
}

void Trainer::resume_in(const std::string& folder) {
  folder_ = folder;
  state_ = load_checkpoint(path_in(folder, kCheckpointFile), *model_, *optimizer_);
  // The files that follow a checkpoint may be older, if the process ended between them.
  if (!state_.history.empty()) save_epoch(/*best=*/true);
}

StopReason Trainer::train(TrainingListener& listener, const std::function<bool()>& stop) {
  std::optional<StopReason> reason;
  while (!(reason = ended())) {
    const bool done = options_.optimizer == OptimizerKind::kLbfgs ? train_full_batch(listener, stop)
                                                                  : train_epoch(listener, stop);
    if (!done) return StopReason::kInterrupted;
  }
  if (!state_.best.empty()) set_weights(*model_, state_.best);
  return *reason;
}

std::optional<StopReason> Trainer::ended() const {
  if (state_.no_lower_loss) return StopReason::kNoLowerLoss;
  return stop_reason(state_.history, options_);
}

bool Trainer::train_epoch(TrainingListener& listener, const std::function<bool()>& stop) {
  decay_learning_rate(*optimizer_, options_, epoch());
  model_->train();
  const Batches batches =
      plan_batches(lengths_, {options_.batch_tokens, options_.seed, /*shuffle=*/true}, epoch());
  const auto count = static_cast<int64_t>(batches.size());
  while (state_.next_batch < count) {
    if (stop()) {
      save_state();
      return false;
    }
    const Stopwatch watch;
    learn_from(batches[state_.next_batch++]);
    state_.seconds += watch.seconds();
    report(listener, state_.next_batch, count);
  }
  return finish_epoch(listener, stop);
}

void Trainer::learn_from(const std::vector<int64_t>& examples) {
  const Batch batch = training_batch(examples);
  const LossSum loss = cross_entropy(model_->forward(batch), batch.targets);
  state_.num_tokens += batch.lengths.sum().item<int64_t>();
  if (loss.count == 0) return;
  const double sum = loss.sum.item<double>();
  check_loss(sum);
  state_.loss_sum += sum;
  state_.num_targets += loss.count;
  optimizer_->zero_grad();
  (loss.sum / loss.count).backward();
  if (options_.clip_norm > 0) {
    torch::nn::utils::clip_grad_norm_(model_->parameters(), options_.clip_norm);
  }
  optimizer_->step();
}

Batch Trainer::training_batch(const std::vector<int64_t>& examples) const {
  const ModelOptions& options = model_->options();
  return make_batch(*data_.train,
                    examples,
                    data_.vocabulary,
                    *data_.labels,
                    options.task,
                    options.character_hidden_size > 0,
                    {options_.word_dropout, options_.seed, epoch()});
}

bool Trainer::train_full_batch(TrainingListener& listener, const std::function<bool()>& stop) {
  if (state_.next_batch > 0) return finish_epoch(listener, stop);  // the step is done
  decay_learning_rate(*optimizer_, options_, epoch());
  model_->train();
  const Batches batches =
      plan_batches(lengths_, {options_.batch_tokens, options_.seed, /*shuffle=*/false}, 0);
  const auto count = static_cast<int64_t>(batches.size());
  const Stopwatch watch;
  const FullBatchStep step =
      full_batch_step(*model_,
                      *optimizer_,
                      {.num_batches = count,
                       .batch = [&](int64_t b) { return training_batch(batches[b]); },
                       .stop = stop,
                       .on_batch = [&](int64_t done) { report(listener, done, count); }});
  if (step.stopped) return false;  // the checkpoint of the last iteration stands
  check_loss(step.loss_sum);
  if (!step.lowered) {
    state_.no_lower_loss = true;
    save_state();
    return true;
  }
  state_.next_batch = count;
  state_.seconds = watch.seconds();
  state_.loss_sum = step.loss_sum;
  state_.num_targets = step.num_targets;
  state_.num_tokens = step.num_tokens;
  return finish_epoch(listener, stop);
}

void Trainer::check_loss(double loss) const {
  if (std::isfinite(loss)) return;
  throw DataError("training diverged: the loss of epoch " + std::to_string(epoch() + 1) + " is " +
                  (std::isnan(loss) ? "nan" : "infinite") + "; a smaller learning rate may help");
}

bool Trainer::finish_epoch(TrainingListener& listener, const std::function<bool()>& stop) {
  EpochMetrics metrics;
  metrics.epoch = epoch() + 1;
  metrics.train_loss = state_.num_targets == 0 ? 0.0 : state_.loss_sum / state_.num_targets;
  metrics.tokens_per_second = state_.seconds > 0 ? state_.num_tokens / state_.seconds : 0.0;
  const Stopwatch watch;
  if (data_.dev != nullptr) {
    const auto result =
        evaluate(*model_, *data_.dev, data_.vocabulary, *data_.labels, options_.batch_tokens, stop);
    if (!result) {
      save_state();
      return false;
    }
    metrics.dev_loss = result->loss;
    metrics.dev_accuracy = result->accuracy();
  }
  metrics.seconds = state_.seconds + watch.seconds();

  const bool best =
      state_.history.empty() || is_better(metrics, state_.history[best_epoch(state_.history)]);
  state_.history.push_back(metrics);
  if (best) state_.best = copy_weights(*model_);
  state_.next_batch = state_.num_targets = state_.num_tokens = 0;
  state_.loss_sum = state_.seconds = 0.0;
  save_state();
  save_epoch(best);
  listener.on_epoch(metrics, best);
  return true;
}

void Trainer::report(TrainingListener& listener, int64_t batch, int64_t batches) const {
  BatchProgress progress;
  progress.epoch = epoch() + 1;
  progress.epochs = options_.epochs;
  progress.batch = batch;
  progress.batches = batches;
  if (state_.num_targets > 0) {
    progress.train_loss = state_.loss_sum / state_.num_targets;
  } else if (!state_.history.empty()) {  // L-BFGS, which knows its loss after the step
    progress.train_loss = state_.history.back().train_loss;
  }
  progress.num_tokens = state_.num_tokens;
  progress.seconds = state_.seconds;
  listener.on_batch(progress);
}

void Trainer::save_state() const {
  if (folder_.empty()) return;
  save_checkpoint(state_, *model_, *optimizer_, path_in(folder_, kCheckpointFile));
}

void Trainer::save_epoch(bool best) const {
  if (folder_.empty()) return;
  if (best) save_weights(state_.best, path_in(folder_, kModelFile));
  write_atomically(path_in(folder_, kMetricsFile), to_json_lines(state_.history));
}

}  // namespace masked_rnn

// A small training problem for the tests of training.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <masked_rnn/models/train/listener.h>
#include <masked_rnn/models/train/trainer.h>

#include <memory>
#include <string>
#include <vector>

namespace masked_rnn::test {

// Sentences of 1 to 5 words, labelled by whether the first one is "up".
class TrainingSet {
 public:
  explicit TrainingSet(int64_t size = 24)
      : data_(make(size)), vocabulary_(build_vocabulary(data_)), labels_(build_labels(data_)) {}

  TrainingData data(bool dev = true) const {
    return {&data_, dev ? &data_ : nullptr, &vocabulary_, &labels_};
  }

  // The same weights for the same options and seed.
  std::shared_ptr<SequenceModel> model(double dropout = 0.0, uint64_t seed = 1) const {
    torch::manual_seed(seed);
    ModelOptions options;
    options.vocabulary_size = vocabulary_.size();
    options.num_labels = labels_.size();
    options.embedding_dim = 8;
    options.hidden_size = 8;
    options.num_layers = 2;
    options.dropout = dropout;
    return make_model(options);
  }

  const DataSet& examples() const { return data_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const LabelSet& labels() const { return labels_; }

 private:
  static DataSet make(int64_t size) {
    DataSet data{"made up", Format::kTsv, {}};
    for (int64_t i = 0; i < size; ++i) {
      Example example;
      const bool up = i % 3 == 0;
      example.tokens = {up ? "up" : "down"};
      for (int64_t word = 0; word < i % 5; ++word) {
        example.tokens.push_back("w" + std::to_string((i + word) % 7));
      }
      example.labels = {up ? "yes" : "no"};
      data.examples.push_back(example);
    }
    return data;
  }
  static Vocabulary build_vocabulary(const DataSet& data) {
    std::vector<std::vector<std::string>> sentences;
    for (const Example& example : data.examples) sentences.push_back(example.tokens);
    return Vocabulary::build(sentences, 1);
  }
  static LabelSet build_labels(const DataSet& data) {
    std::vector<std::vector<std::string>> labels;
    for (const Example& example : data.examples) labels.push_back(example.labels);
    return LabelSet::build(labels);
  }

  DataSet data_;
  Vocabulary vocabulary_;
  LabelSet labels_;
};

// Small batches, so that an epoch has several.
inline TrainingOptions training_options(OptimizerKind optimizer = OptimizerKind::kAdam,
                                        int64_t epochs = 3) {
  TrainingOptions options;
  options.optimizer = optimizer;
  options.learning_rate = default_learning_rate(optimizer);
  options.learning_rate_decay = 0.9;
  options.epochs = epochs;
  options.batch_tokens = 20;
  return options;
}

// Counts what it is told.
struct Recorder : TrainingListener {
  void on_batch(const BatchProgress& progress) override { batches.push_back(progress); }
  void on_epoch(const EpochMetrics& metrics, bool best) override {
    epochs.push_back(metrics);
    kept.push_back(best);
  }
  std::vector<BatchProgress> batches;
  std::vector<EpochMetrics> epochs;
  std::vector<bool> kept;
};

inline bool never() { return false; }

inline bool same_bits(const Weights& a, const Weights& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !a[i].second.equal(b[i].second)) return false;
  }
  return true;
}

}  // namespace masked_rnn::test

// Small models of every kind with random weights, sentences to try them on, and what the C++ model
// says: what an exported program must say too.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace masked_rnn::test {

struct Sample {
  ModelOptions options;
  std::shared_ptr<SequenceModel> model;  // in evaluation mode
  std::optional<Vocabulary> vocabulary;  // absent for dense input
  LabelSet labels;

  const Vocabulary* vocabulary_or_null() const { return vocabulary ? &*vocabulary : nullptr; }
};

// cell × task × (embedding, embedding and characters, one-hot, dense) × pooling, two layers, both
// directions every other time, and one LSTM with a projection.
std::vector<ModelOptions> sample_options();
std::string sample_name(const ModelOptions& options);
Sample make_sample(const ModelOptions& options);

// Ordinary and odd: empty, spaces only, not ASCII, contractions, rows of punctuation, a long word.
std::vector<std::string> sample_sentences();
std::vector<torch::Tensor> sample_series();  // [T, 3], one of them empty

// The C++ model's answers, each sequence in a batch of its own.
using Classes = std::vector<std::pair<std::string, double>>;                 // label, probability
using Tags = std::vector<std::vector<std::pair<std::string, std::string>>>;  // token, label
Classes classify(const Sample& sample, const std::vector<std::string>& sentences);
Classes classify(const Sample& sample, const std::vector<torch::Tensor>& series);
Tags tag(const Sample& sample, const std::vector<std::string>& sentences);
Tags tag(const Sample& sample, const std::vector<torch::Tensor>& series);  // tokens are empty

}  // namespace masked_rnn::test

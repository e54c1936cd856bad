// Small models of every kind and what they say; see samples.h.
#include <masked_rnn/models/text/batches.h>
#include <masked_rnn/models/text/tokenizer.h>
#include <tests/models/export/samples.h>

namespace masked_rnn::test {
namespace {

constexpr int64_t kFeatures = 3;

std::vector<std::vector<std::string>> tokens_of(const std::vector<std::string>& sentences) {
  std::vector<std::vector<std::string>> tokens;
  for (const std::string& sentence : sentences) tokens.push_back(tokenize(sentence));
  return tokens;
}

DataSet data_of(const std::vector<std::string>& sentences) {
  DataSet data;
  for (const std::string& sentence : sentences) {
    data.examples.emplace_back();
    data.examples.back().tokens = tokenize(sentence);
  }
  return data;
}

DataSet data_of(const std::vector<torch::Tensor>& series) {
  DataSet data;
  for (const torch::Tensor& features : series) {
    data.examples.emplace_back();
    data.examples.back().features = features;
  }
  return data;
}

// Logits of one example alone, [K] or [T, K].
torch::Tensor logits_of(const Sample& sample, const DataSet& data, int64_t i) {
  torch::NoGradGuard no_grad;
  const Batch batch = make_batch(data,
                                 {i},
                                 sample.vocabulary_or_null(),
                                 sample.labels,
                                 sample.options.task,
                                 sample.options.character_hidden_size > 0);
  const torch::Tensor logits = sample.model->forward(batch);
  return sample.options.task == Task::kClassify ? logits[0] : logits.select(1, 0);
}

Classes classify_data(const Sample& sample, const DataSet& data) {
  Classes classes;
  for (size_t i = 0; i < data.examples.size(); ++i) {
    const auto [probability, label] = logits_of(sample, data, i).softmax(0).max(0);
    classes.emplace_back(sample.labels.label(label.item<int64_t>()), probability.item<double>());
  }
  return classes;
}

Tags tag_data(const Sample& sample, const DataSet& data) {
  Tags tags;
  for (size_t i = 0; i < data.examples.size(); ++i) {
    const Example& example = data.examples[i];
    torch::Tensor best = logits_of(sample, data, i).argmax(1);
    if (sample.vocabulary) best = best.slice(0, 1, -1);  // without <sos> and <eos>
    tags.emplace_back();
    for (int64_t t = 0; t < best.size(0); ++t) {
      tags.back().emplace_back(sample.vocabulary ? example.tokens[t] : "",
                               sample.labels.label(best[t].item<int64_t>()));
    }
  }
  return tags;
}

}  // namespace

std::vector<ModelOptions> sample_options() {
  struct Input {
    InputKind kind;
    int64_t characters;
  };
  const Input inputs[] = {{InputKind::kEmbedding, 0},
                          {InputKind::kEmbedding, 4},
                          {InputKind::kOneHot, 0},
                          {InputKind::kDense, 0}};
  std::vector<ModelOptions> all;
  for (const Cell cell : {Cell::kLstm, Cell::kGru, Cell::kRnnTanh, Cell::kRnnRelu}) {
    for (const Input& input : inputs) {
      ModelOptions options;
      options.cell = cell;
      options.input = input.kind;
      options.character_hidden_size = input.characters;
      options.character_embedding_dim = 5;
      options.feature_size = input.kind == InputKind::kDense ? kFeatures : 0;
      options.embedding_dim = 6;
      options.hidden_size = 7;
      options.num_layers = 2;
      options.dropout = 0.5;  // which must not act
      for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kMax}) {
        options.pooling = pooling;
        options.bidirectional = all.size() % 2 == 0;
        all.push_back(options);
      }
      options.task = Task::kLabel;
      all.push_back(options);
    }
  }
  all.push_back(all.front());
  all.back().proj_size = 4;
  return all;
}

std::string sample_name(const ModelOptions& options) {
  return name(options.task) + '_' + name(options.cell) + '_' + name(options.input) +
         (options.character_hidden_size > 0 ? "_characters" : "") +
         (options.task == Task::kClassify ? '_' + name(options.pooling) : "") +
         (options.bidirectional ? "_bidirectional" : "") +
         (options.proj_size > 0 ? "_projected" : "");
}

Sample make_sample(const ModelOptions& options) {
  torch::manual_seed(1);
  Sample sample;
  sample.options = options;
  if (options.input != InputKind::kDense) {
    auto sentences = sample_sentences();
    sentences.resize(6);  // the rest holds unknown words
    sample.vocabulary = Vocabulary::build(tokens_of(sentences), 1);
    sample.options.vocabulary_size = sample.vocabulary->size();
  }
  sample.labels = LabelSet::build({{"NOUN", "VERB", "PUNCT"}});
  sample.options.num_labels = sample.labels.size();
  sample.model = make_model(sample.options);
  if (options.input == InputKind::kDense) sample.model->encoder().fit_features(sample_series());
  {
    torch::NoGradGuard no_grad;  // larger weights: answers differ from sentence to sentence
    for (torch::Tensor& parameter : sample.model->parameters()) parameter.mul_(3.0);
  }
  sample.model->eval();
  return sample;
}

std::vector<std::string> sample_sentences() {
  return {"The film wasn't bad, it's great!",
          "Don't go... (really)",
          "I'd say \"no\" -- they've left; we'll see.",
          "",
          "a",
          "Caf\xc3\xa9 \xe2\x82\xac 5,000.50 na\xc3\xafve \xf0\x9f\x99\x82",
          " \t\n\v\f\r ",
          "unknown WORDS only",
          "'s n't 'll",
          "!?!?.../\\",
          "x\x01y \x7f",
          std::string(300, 'z') + " and " + std::string(40, '.')};
}

std::vector<torch::Tensor> sample_series() {
  std::vector<torch::Tensor> series;
  for (const int64_t steps : {4, 1, 0, 9, 6}) {
    series.push_back(at::sin(at::arange(steps * kFeatures).view({steps, kFeatures}) * 0.7) + 0.5);
  }
  return series;
}

Classes classify(const Sample& sample, const std::vector<std::string>& sentences) {
  return classify_data(sample, data_of(sentences));
}
Classes classify(const Sample& sample, const std::vector<torch::Tensor>& series) {
  return classify_data(sample, data_of(series));
}
Tags tag(const Sample& sample, const std::vector<std::string>& sentences) {
  return tag_data(sample, data_of(sentences));
}
Tags tag(const Sample& sample, const std::vector<torch::Tensor>& series) {
  return tag_data(sample, data_of(series));
}

}  // namespace masked_rnn::test

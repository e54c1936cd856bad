// From examples to padded batches; see batches.h.
#include <c10/util/Exception.h>
#include <masked_rnn/models/text/batches.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace masked_rnn {
namespace {

// SplitMix64 (Steele, Lea & Flood 2014): the standard library's distributions differ between
// machines, this does not.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // Another stream for every further number.
  Random& mix(uint64_t number) {
    state_ = next() ^ number;
    return *this;
  }
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  uint64_t below(uint64_t n) { return next() % n; }

 private:
  uint64_t state_;
};

template <class Item>
void shuffle(std::vector<Item>& items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(i)]);
  }
}

struct Padded {
  int64_t steps, batch;
  torch::Tensor tensor = torch::zeros({steps, batch}, torch::kLong);
  int64_t& at(int64_t t, int64_t b) { return tensor.mutable_data_ptr<int64_t>()[t * batch + b]; }
};

void fill_features(const DataSet& data, Batch& batch, int64_t steps) {
  const auto& first = data.examples[batch.examples[0]].features;
  TORCH_CHECK(first.defined(), "masked_rnn: expected series with features, but got text");
  batch.features = torch::zeros({steps, batch.num_sequences(), first.size(1)});
  for (int64_t b = 0; b < batch.num_sequences(); ++b) {
    const auto& features = data.examples[batch.examples[b]].features;
    batch.features.select(1, b).narrow(0, 0, features.size(0)).copy_(features);
  }
}

void fill_tokens(const DataSet& data,
                 Batch& batch,
                 int64_t steps,
                 const Vocabulary& vocabulary,
                 const WordDropout& dropout) {
  Padded tokens{steps, batch.num_sequences()};
  for (int64_t b = 0; b < tokens.batch; ++b) {
    const Example& example = data.examples[batch.examples[b]];
    TORCH_CHECK(!example.features.defined(), "masked_rnn: expected text, but got series");
    const auto& words = example.tokens;
    Random random = Random(dropout.seed).mix(dropout.epoch).mix(batch.examples[b]);
    tokens.at(0, b) = Vocabulary::kSos;
    for (size_t i = 0; i < words.size(); ++i) {
      int64_t index = vocabulary.index(words[i]);
      const double chance = random.uniform();  // for every position, so that none moves another's
      const bool special = index <= Vocabulary::kEos;  // a word of the text is none, say "<eos>"
      if (special || chance * (dropout.alpha + vocabulary.count(index)) < dropout.alpha) {
        index = Vocabulary::kUnk;
      }
      tokens.at(static_cast<int64_t>(i) + 1, b) = index;
    }
    tokens.at(static_cast<int64_t>(words.size()) + 1, b) = Vocabulary::kEos;
  }
  batch.tokens = tokens.tensor;
}

// Word 0 has no bytes: it stands at <sos>, <eos> and padding.
void fill_characters(const DataSet& data, Batch& batch, int64_t steps) {
  Padded words{steps, batch.num_sequences()};
  std::unordered_map<std::string_view, int64_t> indices{{"", 0}};
  std::vector<std::string_view> distinct{""};
  size_t longest = 0;
  for (int64_t b = 0; b < words.batch; ++b) {
    const auto& tokens = data.examples[batch.examples[b]].tokens;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const auto word = std::string_view(tokens[i]).substr(0, kMaxWordBytes);
      const auto [found, is_new] = indices.emplace(word, distinct.size());
      if (is_new) {
        distinct.push_back(word);
        longest = std::max(longest, word.size());
      }
      words.at(static_cast<int64_t>(i) + 1, b) = found->second;
    }
  }
  const auto count = static_cast<int64_t>(distinct.size());
  Padded bytes{static_cast<int64_t>(longest), count};
  batch.character_lengths = torch::zeros({count}, torch::kLong);
  for (int64_t u = 0; u < count; ++u) {
    batch.character_lengths.mutable_data_ptr<int64_t>()[u] =
        static_cast<int64_t>(distinct[u].size());
    for (size_t c = 0; c < distinct[u].size(); ++c) {
      bytes.at(static_cast<int64_t>(c), u) = static_cast<unsigned char>(distinct[u][c]);
    }
  }
  batch.characters = bytes.tensor;
  batch.words = words.tensor;
}

int64_t target(const LabelSet& labels, const std::string& label) {
  const int64_t index = labels.index(label);
  return index < 0 ? Batch::kIgnoreIndex : index;
}

void fill_targets(
    const DataSet& data, Batch& batch, int64_t steps, const LabelSet& labels, Task task) {
  const bool any = std::any_of(batch.examples.begin(), batch.examples.end(), [&](int64_t i) {
    return !data.examples[i].labels.empty();
  });
  if (!any) {
    return;
  }
  Padded targets{task == Task::kClassify ? 1 : steps, batch.num_sequences()};
  targets.tensor.fill_(Batch::kIgnoreIndex);
  for (int64_t b = 0; b < targets.batch; ++b) {
    const Example& example = data.examples[batch.examples[b]];
    if (example.labels.empty()) {
      continue;
    }
    if (task == Task::kClassify) {
      TORCH_CHECK(example.labels.size() == 1,
                  "masked_rnn: expected one label for a sequence to classify, but got ",
                  example.labels.size());
      targets.at(0, b) = target(labels, example.labels[0]);
      continue;
    }
    TORCH_CHECK(example.labels.size() == example.tokens.size(),
                "masked_rnn: expected one label per token (",
                example.tokens.size(),
                ") for a sequence to label, but got ",
                example.labels.size());
    for (size_t i = 0; i < example.labels.size(); ++i) {
      targets.at(static_cast<int64_t>(i) + 1, b) = target(labels, example.labels[i]);
    }
  }
  batch.targets = task == Task::kClassify ? targets.tensor.select(0, 0) : targets.tensor;
}

}  // namespace

int64_t sequence_length(const Example& example) {
  return example.features.defined() ? example.features.size(0)
                                    : static_cast<int64_t>(example.tokens.size()) + 2;
}

std::vector<std::vector<int64_t>> plan_batches(const std::vector<int64_t>& lengths,
                                               const BatchOptions& options,
                                               int64_t epoch) {
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  Random random = Random(options.seed).mix(static_cast<uint64_t>(epoch));
  if (options.shuffle) {
    shuffle(order, random);
  }
  std::stable_sort(
      order.begin(), order.end(), [&](int64_t a, int64_t b) { return lengths[a] < lengths[b]; });
  std::vector<std::vector<int64_t>> batches;
  for (const int64_t i : order) {
    const auto together = batches.empty() ? 0 : static_cast<int64_t>(batches.back().size());
    // Lengths rise, so this sequence is the longest of its batch.
    if (together == 0 || (together + 1) * lengths[i] > options.batch_tokens) {
      batches.emplace_back();
    }
    batches.back().push_back(i);
  }
  if (options.shuffle) {
    shuffle(batches, random);
  }
  return batches;
}

Batch make_batch(const DataSet& data,
                 const std::vector<int64_t>& indices,
                 const Vocabulary* vocabulary,
                 const LabelSet& labels,
                 Task task,
                 bool characters,
                 const WordDropout& word_dropout) {
  Batch batch;
  batch.examples = indices;
  std::vector<int64_t> lengths;
  for (const int64_t i : indices) {
    TORCH_CHECK(i >= 0 && i < static_cast<int64_t>(data.examples.size()),
                "masked_rnn: expected indices of examples in 0..",
                static_cast<int64_t>(data.examples.size()) - 1,
                ", but got ",
                i);
    lengths.push_back(sequence_length(data.examples[i]));
  }
  TORCH_CHECK(!indices.empty(), "masked_rnn: expected at least one example in a batch");
  batch.lengths = torch::tensor(lengths, torch::kLong);
  const int64_t steps = *std::max_element(lengths.begin(), lengths.end());
  if (vocabulary == nullptr) {
    fill_features(data, batch, steps);
  } else {
    fill_tokens(data, batch, steps, *vocabulary, word_dropout);
    if (characters) {
      fill_characters(data, batch, steps);
    }
  }
  fill_targets(data, batch, steps, labels, task);
  return batch;
}

}  // namespace masked_rnn

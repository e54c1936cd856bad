// From examples to padded batches: which sequences stand together, and the tensors.
#pragma once

#include <masked_rnn/models/batch.h>
#include <masked_rnn/models/options.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <cstdint>
#include <vector>

namespace masked_rnn {

// Bytes of a word that its character features read; the rest is cut off.
constexpr int64_t kMaxWordBytes = 24;

struct BatchOptions {
  int64_t batch_tokens;  // most steps of a batch, padding included; one sequence may be longer
  uint64_t seed;
  bool shuffle;
};

// Indices of sequences of similar length, batch by batch; every sequence once. Shuffled, which are
// together and the order of the batches depend on (seed, epoch) alone, on every machine.
std::vector<std::vector<int64_t>> plan_batches(const std::vector<int64_t>& lengths,
                                               const BatchOptions& options,
                                               int64_t epoch);

// Replaces a training token by <unk> with probability alpha / (alpha + its count in the
// vocabulary), so that the model learns what an unknown word is (Kiperwasser & Goldberg 2016). What
// is replaced depends on (seed, epoch, example, position) alone.
struct WordDropout {
  double alpha = 0.0;
  uint64_t seed = 0;
  int64_t epoch = 0;
};

// Steps of an example as the model reads it: with <sos> and <eos> if it is text.
int64_t sequence_length(const Example& example);

// The examples at `indices`, padded. vocabulary is nullptr exactly for dense input; targets are
// undefined if no example has labels, and kIgnoreIndex where a label is not in `labels`. A word of
// the text that is spelt like a special token is <unk>. `characters` asks for characters,
// character_lengths and words.
Batch make_batch(const DataSet& data,
                 const std::vector<int64_t>& indices,
                 const Vocabulary* vocabulary,
                 const LabelSet& labels,
                 Task task,
                 bool characters,
                 const WordDropout& word_dropout = {});

}  // namespace masked_rnn

// Data sets as the subcommands need them, with errors that say in which file and line they do not
// suit.
#pragma once

#include <masked_rnn/models/options.h>
#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <string>

namespace masked_rnn {

// Reads by the file's ending; every example must have its labels.
DataSet read_labelled(const std::string& file);

// kDense for numeric series, else kEmbedding.
InputKind input_of(const DataSet& data);

// One label per sequence to classify, one per token to label. DataError otherwise.
void check_task(const DataSet& data, Task task);

// Text, or series with `feature_size` features. DataError otherwise.
void check_input(const DataSet& data, const ModelOptions& options);

// DataError with the first label that the model does not know or, if `some_may_be`, only when it
// knows none.
void check_labels(const DataSet& data, const LabelSet& labels, bool some_may_be);

}  // namespace masked_rnn

// Checks of data sets against a task and a model.
#include "data_sets.h"

#include <masked_rnn/models/error.h>
#include <masked_rnn/models/text/readers.h>

#include <algorithm>

namespace masked_rnn {
namespace {

[[noreturn]] void fail(const DataSet& data, int64_t line, const std::string& what) {
  throw DataError(data.file + ":" + std::to_string(line) + ": " + what);
}

// CoNLL-U's comments, ranges (1-2) and empty nodes (1.1) are no words.
bool is_word(const std::string& line) {
  const std::string first = line.substr(0, line.find('\t'));
  return !line.starts_with('#') && first.find_first_of("-.") == std::string::npos;
}

int64_t line_of_word(const DataSet& data, const Example& example, size_t word) {
  int64_t line = example.line;
  if (data.format == Format::kConll) return line + static_cast<int64_t>(word);
  for (const std::string& source : example.source) {
    if (is_word(source) && word-- == 0) break;
    ++line;
  }
  return line;
}

std::string listed(const LabelSet& labels) {
  constexpr int64_t kMost = 10;
  std::string names;
  for (int64_t i = 0; i < std::min(labels.size(), kMost); ++i) {
    names += (i == 0 ? "" : ", ") + labels.label(i);
  }
  return labels.size() > kMost ? names + ", ..." : names;
}

}  // namespace

DataSet read_labelled(const std::string& file) {
  DataSet data = read(file);
  for (const Example& example : data.examples) {
    if (example.labels.empty()) fail(data, example.line, "expected a label, but there is none");
  }
  return data;
}

InputKind input_of(const DataSet& data) {
  return data.format == Format::kTs ? InputKind::kDense : InputKind::kEmbedding;
}

void check_task(const DataSet& data, Task task) {
  const bool labels_tokens = data.format == Format::kConllu || data.format == Format::kConll;
  if (labels_tokens == (task == Task::kLabel)) return;
  throw DataError(data.file + ": expected a label for each " +
                  (labels_tokens ? "sequence, as --task classify needs it, but the file has one "
                                   "for each word"
                                 : "word, as --task label needs it, but the file has one for each "
                                   "sequence"));
}

void check_input(const DataSet& data, const ModelOptions& options) {
  const bool dense = input_of(data) == InputKind::kDense;
  if (dense != (options.input == InputKind::kDense)) {
    throw DataError(data.file + (dense ? ": expected text, as the model reads it, but the file "
                                         "holds numeric series"
                                       : ": expected numeric series, as the model reads them, but "
                                         "the file holds text"));
  }
  if (!dense) return;
  for (const Example& example : data.examples) {
    if (example.features.size(1) == options.feature_size) continue;
    fail(data,
         example.line,
         "expected " + std::to_string(options.feature_size) +
             " dimensions, as in training, but got " + std::to_string(example.features.size(1)));
  }
}

void check_labels(const DataSet& data, const LabelSet& labels, bool some_may_be) {
  bool any_known = false;
  for (const Example& example : data.examples) {
    for (size_t i = 0; i < example.labels.size(); ++i) {
      const std::string& label = example.labels[i];
      if (labels.index(label) >= 0) {
        any_known = true;
      } else if (!some_may_be) {
        fail(data,
             line_of_word(data, example, i),
             "the model does not know the label `" + label + "`, only " + listed(labels));
      }
    }
  }
  if (!any_known) {
    throw DataError(data.file + ": the model knows none of its labels, only " + listed(labels));
  }
}

}  // namespace masked_rnn

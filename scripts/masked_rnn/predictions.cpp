// Predictions as TSV and CoNLL.
#include "predictions.h"

#include <masked_rnn/models/text/writers.h>

#include <cstdio>
#include <sstream>
#include <vector>

namespace masked_rnn {
namespace {

// A field of CSV may have several lines.
std::string on_one_line(std::string text) {
  for (char& character : text) {
    if (character == '\n' || character == '\r' || character == '\t') character = ' ';
  }
  return text;
}

std::string classified(const Example& example,
                       const Prediction& prediction,
                       const LabelSet& labels) {
  char probability[32];
  std::snprintf(probability, sizeof probability, "%.4f", prediction.probabilities.at(0));
  std::string line = labels.label(prediction.labels.at(0)) + "\t" + probability;
  if (!example.text.empty()) {
    line += '\t';
    line += on_one_line(example.text);
  }
  return line + '\n';
}

}  // namespace

std::string predicted_text(const DataSet& data,
                           const Example& example,
                           const Prediction& prediction,
                           const LabelSet& labels,
                           Task task) {
  if (task == Task::kClassify) return classified(example, prediction, labels);
  std::vector<std::string> tags;
  for (const int64_t label : prediction.labels) tags.push_back(labels.label(label));
  std::ostringstream lines;
  if (data.format == Format::kConll) {
    write_conll(lines, example, tags);
  } else {
    write_conllu(lines, example, tags);
  }
  return lines.str();
}

}  // namespace masked_rnn

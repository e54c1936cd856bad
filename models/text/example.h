// One sequence of a data set as it was read, and the data set.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace masked_rnn {

enum class Format {
  kTsv,     // label, tab, text
  kCsv,     // label,text with the quoting of RFC 4180
  kConllu,  // CoNLL-U; the tag is UPOS
  kConll,   // token, tab, tag; blank lines between sentences
  kTs,      // numeric series of the UEA archive
  kText,    // one sentence a line, no label
};

struct Example {
  std::string text;                 // as it stood in the file; empty for CoNLL and series
  std::vector<std::string> tokens;  // with their case; none for series
  std::vector<std::string> labels;  // 1 (classification), one per token (labelling), or none
  torch::Tensor features;           // [T, I] float32; series only
  int64_t line = 0;                 // where it starts, from 1
  std::vector<std::string> source;  // CoNLL: its lines, so that only the tags change when written
};

struct DataSet {
  std::string file;
  Format format = Format::kText;
  std::vector<Example> examples;
};

}  // namespace masked_rnn

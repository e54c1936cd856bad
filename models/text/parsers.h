// One parser per format: from the lines of a file to its examples.
#pragma once

#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/lines.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace masked_rnn {

std::vector<Example> parse_tsv(const Lines& lines);
std::vector<Example> parse_csv(const Lines& lines);
std::vector<Example> parse_text(const Lines& lines);
std::vector<Example> parse_conllu(const Lines& lines);
std::vector<Example> parse_conll(const Lines& lines);
std::vector<Example> parse_ts(const Lines& lines);

// The parts of a line between separators: one more than there are separators.
std::vector<std::string_view> split_at(std::string_view line, char separator);

// For messages: "1 column", "2 columns".
std::string counted(size_t count, const char* noun);

// Nothing but spaces and tabs.
bool is_blank(std::string_view line);

}  // namespace masked_rnn

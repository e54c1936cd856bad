// Writing sentences with their tags; see writers.h.
#include <c10/util/Exception.h>
#include <masked_rnn/models/text/parsers.h>
#include <masked_rnn/models/text/writers.h>

#include <algorithm>

namespace masked_rnn {
namespace {

void check_tags(const Example& example, const std::vector<std::string>& tags) {
  TORCH_CHECK(tags.size() == example.tokens.size(),
              "masked_rnn: expected one tag per token (",
              example.tokens.size(),
              "), but got ",
              tags.size());
}

bool is_conllu_word(std::string_view line) {
  const std::string_view id = line.substr(0, line.find('\t'));
  return !line.starts_with('#') && id.find_first_of("-.") == std::string_view::npos;
}

}  // namespace

void write_conllu(std::ostream& out, const Example& example, const std::vector<std::string>& tags) {
  check_tags(example, tags);
  const bool read_as_conllu =
      !example.source.empty() && split_at(example.source.back(), '\t').size() == 10;
  size_t word = 0;
  if (read_as_conllu) {
    for (const std::string& line : example.source) {
      if (!is_conllu_word(line)) {
        out << line << '\n';
        continue;
      }
      auto columns = split_at(line, '\t');
      columns[3] = tags[word++];
      for (size_t c = 0; c < columns.size(); ++c) {
        out << (c ? "\t" : "") << columns[c];
      }
      out << '\n';
    }
  } else {
    if (!example.text.empty()) {
      std::string line = example.text;  // quoted text of CSV may have several
      std::replace(line.begin(), line.end(), '\n', ' ');
      out << "# text = " << line << '\n';
    }
    for (; word < tags.size(); ++word) {
      out << word + 1 << '\t' << example.tokens[word] << "\t_\t" << tags[word]
          << "\t_\t_\t_\t_\t_\t_\n";
    }
  }
  out << '\n';
}

void write_conll(std::ostream& out, const Example& example, const std::vector<std::string>& tags) {
  check_tags(example, tags);
  for (size_t word = 0; word < tags.size(); ++word) {
    out << example.tokens[word] << '\t' << tags[word] << '\n';
  }
  out << '\n';
}

}  // namespace masked_rnn

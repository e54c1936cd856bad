// Labelled sentences: label<TAB>text, label,text, and plain lines of text.
#include <masked_rnn/models/text/parsers.h>
#include <masked_rnn/models/text/tokenizer.h>

#include <string>
#include <utility>

namespace masked_rnn {
namespace {

Example labelled(const Lines& lines, int64_t line, std::string label, std::string text) {
  if (is_blank(label)) {
    lines.fail(line, "the label is empty, expected a label and a text");
  }
  if (label.find_first_of("\t\n") != std::string::npos) {
    lines.fail(line, "the label holds a tab or a line break, expected none");
  }
  Example example;
  example.tokens = tokenize(text);
  if (example.tokens.empty()) {
    lines.fail(line, "the text is empty, expected a label and a text");
  }
  example.text = std::move(text);
  example.labels = {std::move(label)};
  example.line = line + 1;
  return example;
}

// One record of RFC 4180, from line i on; i moves to its last line.
std::vector<std::string> csv_record(const Lines& lines, int64_t& i) {
  std::vector<std::string> fields(1);
  const int64_t first = i;
  bool quoted = false;
  std::string_view line = lines[i];
  for (size_t c = 0;; ++c) {
    if (c == line.size()) {
      if (!quoted) {
        return fields;
      }
      if (i + 1 == lines.size()) {
        lines.fail(first, "a quoted field does not end, expected a closing \"");
      }
      fields.back() += '\n';
      line = lines[++i];
      c = static_cast<size_t>(-1);
    } else if (quoted) {
      if (line[c] != '"') {
        fields.back() += line[c];
      } else if (c + 1 < line.size() && line[c + 1] == '"') {
        fields.back() += '"';
        ++c;
      } else {
        quoted = false;
        if (c + 1 < line.size() && line[c + 1] != ',') {
          lines.fail(i, "text follows a closing \", expected a comma or the end of the line");
        }
      }
    } else if (line[c] == ',') {
      fields.emplace_back();
    } else if (line[c] == '"') {
      if (!fields.back().empty()) {
        lines.fail(i, "a \" stands inside an unquoted field, expected the field in quotes");
      }
      quoted = true;
    } else {
      fields.back() += line[c];
    }
  }
}

}  // namespace

std::vector<Example> parse_tsv(const Lines& lines) {
  std::vector<Example> examples;
  for (int64_t i = 0; i < lines.size(); ++i) {
    if (is_blank(lines[i])) {
      continue;
    }
    const auto columns = split_at(lines[i], '\t');
    if (columns.size() != 2) {
      lines.fail(i, "has " + counted(columns.size(), "column") + ", expected 2: label, tab, text");
    }
    examples.push_back(labelled(lines, i, std::string(columns[0]), std::string(columns[1])));
  }
  return examples;
}

std::vector<Example> parse_csv(const Lines& lines) {
  std::vector<Example> examples;
  for (int64_t i = 0; i < lines.size(); ++i) {
    if (is_blank(lines[i])) {
      continue;
    }
    const int64_t first = i;
    auto fields = csv_record(lines, i);
    if (fields.size() != 2) {
      lines.fail(first, "has " + counted(fields.size(), "field") + ", expected 2: label,text");
    }
    if (first == 0 && fields[0] == "label" && fields[1] == "text") {
      continue;  // the header
    }
    examples.push_back(labelled(lines, first, std::move(fields[0]), std::move(fields[1])));
  }
  return examples;
}

std::vector<Example> parse_text(const Lines& lines) {
  std::vector<Example> examples;
  for (int64_t i = 0; i < lines.size(); ++i) {
    Example example;
    example.tokens = tokenize(lines[i]);
    if (example.tokens.empty()) {
      continue;
    }
    example.text = lines[i];
    example.line = i + 1;
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace masked_rnn

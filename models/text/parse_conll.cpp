// Sentences in columns: CoNLL-U, and token<TAB>tag.
#include <masked_rnn/models/text/parsers.h>

#include <charconv>
#include <string>
#include <utility>

namespace masked_rnn {
namespace {

constexpr size_t kConlluColumns = 10, kForm = 1, kUpos = 3;

// What an ID column says: a word 3, a range 3-4 or an empty node 3.1.
struct Id {
  int64_t number = 0;
  char kind = 0;  // 0, '-' or '.'
  int64_t second = 0;
};

bool parse_number(std::string_view text, int64_t& number) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  return !text.empty() && result.ec == std::errc() && result.ptr == end && number >= 0;
}

bool parse_id(std::string_view text, Id& id) {
  const size_t cut = text.find_first_of("-.");
  if (cut == std::string_view::npos) {
    return parse_number(text, id.number);
  }
  id.kind = text[cut];
  return parse_number(text.substr(0, cut), id.number) &&
         parse_number(text.substr(cut + 1), id.second);
}

// Collects the lines of a sentence and hands it over at its end.
class Sentences {
 public:
  Sentences(const Lines& lines, std::string_view no_tag) : lines_(lines), no_tag_(no_tag) {}

  void line(int64_t i) {
    if (current_.source.empty()) {
      current_.line = i + 1;
    }
    current_.source.emplace_back(lines_[i]);
  }

  void word(std::string_view form, std::string_view tag) {
    current_.tokens.emplace_back(form);
    current_.labels.emplace_back(tag);
  }

  void range(int64_t i, int64_t last_word) {
    if (last_word > last_in_range_) {
      last_in_range_ = last_word;
      range_line_ = i;
    }
  }

  int64_t num_words() const { return static_cast<int64_t>(current_.tokens.size()); }

  // `i` is the line after the sentence.
  void end(int64_t i) {
    if (current_.tokens.empty()) {
      if (!current_.source.empty() && !only_comments()) {
        lines_.fail(current_.line - 1, "a sentence without words, expected at least one");
      }
      clear();
      return;
    }
    if (last_in_range_ > num_words()) {
      lines_.fail(range_line_,
                  "a range ends with word " + std::to_string(last_in_range_) +
                      ", but the sentence has " + std::to_string(num_words()));
    }
    size_t missing = 0;
    for (const auto& label : current_.labels) {
      missing += label == no_tag_;
    }
    if (missing == current_.labels.size()) {
      current_.labels.clear();
    } else if (missing > 0) {
      lines_.fail(i - 1,
                  "the sentence ending here has words with and without a tag, expected all or "
                  "none");
    }
    done_.push_back(std::move(current_));
    clear();
  }

  std::vector<Example> take() { return std::move(done_); }

 private:
  void clear() {
    current_ = {};
    last_in_range_ = 0;
  }

  bool only_comments() const {
    for (const auto& line : current_.source) {
      if (!line.starts_with('#')) {
        return false;
      }
    }
    return true;
  }

  const Lines& lines_;
  std::string_view no_tag_;
  Example current_;
  int64_t last_in_range_ = 0;  // the last word that a range of this sentence names
  int64_t range_line_ = 0;
  std::vector<Example> done_;
};

}  // namespace

std::vector<Example> parse_conllu(const Lines& lines) {
  Sentences sentences(lines, "_");
  for (int64_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (is_blank(line)) {
      sentences.end(i);
      continue;
    }
    sentences.line(i);
    if (line.starts_with('#')) {
      if (sentences.num_words() > 0) {
        lines.fail(i, "a comment inside a sentence, expected comments only before its words");
      }
      continue;
    }
    const auto columns = split_at(line, '\t');
    if (columns.size() != kConlluColumns) {
      lines.fail(i, "has " + counted(columns.size(), "column") + ", expected 10 separated by tabs");
    }
    Id id;
    if (!parse_id(columns[0], id)) {
      lines.fail(i,
                 "the ID is '" + std::string(columns[0]) +
                     "', expected a number, a range such as 1-2 or an empty node such as 1.1");
    }
    const int64_t next = sentences.num_words() + 1;
    if (id.kind == '-') {
      if (id.number != next || id.second < id.number) {
        lines.fail(i,
                   "the range is '" + std::string(columns[0]) + "', expected it to begin with " +
                       std::to_string(next) + ", the next word, and to end there or later");
      }
      sentences.range(i, id.second);
      continue;
    }
    if (id.kind == '.') {
      if (id.number != next - 1) {
        lines.fail(i,
                   "the empty node is '" + std::string(columns[0]) +
                       "', expected it to follow word " + std::to_string(next - 1));
      }
      continue;
    }
    if (id.number != next) {
      lines.fail(i,
                 "the ID is " + std::string(columns[0]) + ", expected " + std::to_string(next) +
                     ", the next word");
    }
    if (columns[kForm].empty() || columns[kUpos].empty()) {
      lines.fail(i,
                 std::string(columns[kForm].empty() ? "the form" : "the tag") +
                     " is empty, expected _ where there is none");
    }
    sentences.word(columns[kForm], columns[kUpos]);
  }
  sentences.end(lines.size());
  return sentences.take();
}

std::vector<Example> parse_conll(const Lines& lines) {
  Sentences sentences(lines, "");
  for (int64_t i = 0; i < lines.size(); ++i) {
    if (is_blank(lines[i])) {
      sentences.end(i);
      continue;
    }
    sentences.line(i);
    const auto columns = split_at(lines[i], '\t');
    if (columns.size() > 2) {
      lines.fail(i, "has " + counted(columns.size(), "column") + ", expected 2: token, tab, tag");
    }
    if (columns[0].empty()) {
      lines.fail(i, "the token is empty, expected token, tab, tag");
    }
    if (columns.size() == 2 && columns[1].empty()) {
      lines.fail(i, "the tag is empty, expected token, tab, tag");
    }
    sentences.word(columns[0], columns.size() == 2 ? columns[1] : std::string_view());
  }
  sentences.end(lines.size());
  return sentences.take();
}

}  // namespace masked_rnn

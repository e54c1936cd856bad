// How text becomes tokens; see tokenizer.h.
#include <masked_rnn/models/text/tokenizer.h>

#include <array>

namespace masked_rnn {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

constexpr std::array<std::string_view, 7> kEndings{"n't", "'s", "'m", "'d", "'re", "'ve", "'ll"};

void add_word(std::string_view word, std::vector<std::string>& tokens) {
  const std::string lower = normalize(word);
  for (const auto ending : kEndings) {
    if (lower.size() > ending.size() && lower.ends_with(ending)) {
      const size_t cut = word.size() - ending.size();
      tokens.emplace_back(word.substr(0, cut));
      tokens.emplace_back(word.substr(cut));
      return;
    }
  }
  tokens.emplace_back(word);
}

void add_chunk(std::string_view chunk, std::vector<std::string>& tokens) {
  size_t first = 0, last = chunk.size();
  while (first < last && is_punctuation(chunk[first])) {
    size_t end = first + 1;
    while (end < last && chunk[end] == chunk[first]) {
      ++end;
    }
    tokens.emplace_back(chunk.substr(first, end - first));
    first = end;
  }
  std::vector<std::string> behind;
  while (last > first && is_punctuation(chunk[last - 1])) {
    size_t begin = last - 1;
    while (begin > first && chunk[begin - 1] == chunk[last - 1]) {
      --begin;
    }
    behind.emplace_back(chunk.substr(begin, last - begin));
    last = begin;
  }
  if (first < last) {
    add_word(chunk.substr(first, last - first), tokens);
  }
  tokens.insert(tokens.end(), behind.rbegin(), behind.rend());
}

}  // namespace

std::vector<std::string> tokenize(std::string_view text) {
  std::vector<std::string> tokens;
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i;
    while (end < text.size() && !is_space(text[end])) {
      ++end;
    }
    if (end > i) {
      add_chunk(text.substr(i, end - i), tokens);
    }
    i = end + 1;
  }
  return tokens;
}

std::string normalize(std::string_view token) {
  std::string lower(token);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lower;
}

}  // namespace masked_rnn

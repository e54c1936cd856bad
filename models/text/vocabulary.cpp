// The indices of tokens and of labels; see vocabulary.h.
#include <c10/util/Exception.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/text/lines.h>
#include <masked_rnn/models/text/tokenizer.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace masked_rnn {
namespace {

constexpr std::array<const char*, 4> kSpecialTokens{"<pad>", "<unk>", "<sos>", "<eos>"};

using Count = std::pair<std::string, int64_t>;

template <class Name>
std::map<std::string, int64_t> count_names(const std::vector<std::vector<std::string>>& lists,
                                           const Name& name) {
  std::map<std::string, int64_t> counts;
  for (const auto& list : lists) {
    for (const auto& entry : list) {
      ++counts[name(entry)];
    }
  }
  return counts;
}

}  // namespace

const std::string& IndexedNames::name(int64_t index) const {
  TORCH_CHECK(index >= 0 && index < size(),
              "masked_rnn: expected an index in 0..",
              size() - 1,
              ", but got ",
              index);
  return names_[index];
}

int64_t IndexedNames::find(std::string_view name) const {
  const auto found = indices_.find(std::string(name));
  return found == indices_.end() ? -1 : found->second;
}

void IndexedNames::add(std::string name, int64_t count) {
  indices_.emplace(name, size());
  names_.push_back(std::move(name));
  counts_.push_back(count);
}

void IndexedNames::save(const std::string& file) const {
  write_atomically(file, [&](std::ostream& out) {
    for (int64_t i = 0; i < size(); ++i) {
      out << names_[i] << '\t' << counts_[i] << '\n';
    }
  });
}

void IndexedNames::load_from(const std::string& file) {
  const Lines lines(file, read_bytes(file));
  for (int64_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const size_t tab = line.rfind('\t');
    int64_t count = 0;
    const char* end = line.data() + line.size();
    const bool two = tab != std::string_view::npos && tab > 0 && tab + 1 < line.size();
    const auto number = two ? std::from_chars(line.data() + tab + 1, end, count)
                            : std::from_chars_result{end, std::errc::invalid_argument};
    if (number.ec != std::errc() || number.ptr != end || count < 0) {
      lines.fail(i, "expected a name, a tab and a count");
    }
    std::string name(line.substr(0, tab));
    if (find(name) >= 0) {
      lines.fail(i, "'" + name + "' stands here a second time, expected every name once");
    }
    add(std::move(name), count);
  }
}

Vocabulary Vocabulary::build(const std::vector<std::vector<std::string>>& sentences,
                             int64_t min_count) {
  Vocabulary vocabulary;
  for (const char* special : kSpecialTokens) {
    vocabulary.add(special, 0);
  }
  std::vector<Count> kept;
  for (auto& [token, count] : count_names(sentences, normalize)) {
    if (count >= min_count && vocabulary.find(token) < 0) {
      kept.emplace_back(token, count);
    }
  }
  std::stable_sort(
      kept.begin(), kept.end(), [](const Count& a, const Count& b) { return a.second > b.second; });
  for (auto& [token, count] : kept) {
    vocabulary.add(std::move(token), count);
  }
  return vocabulary;
}

Vocabulary Vocabulary::load(const std::string& file) {
  Vocabulary vocabulary;
  vocabulary.load_from(file);
  for (size_t i = 0; i < kSpecialTokens.size(); ++i) {
    if (vocabulary.find(kSpecialTokens[i]) != static_cast<int64_t>(i)) {
      throw DataError(file + ":" + std::to_string(i + 1) + ": expected the token " +
                      kSpecialTokens[i] + " of a vocabulary");
    }
  }
  return vocabulary;
}

int64_t Vocabulary::index(std::string_view token) const {
  const int64_t found = find(normalize(token));
  return found < 0 ? kUnk : found;
}

LabelSet LabelSet::build(const std::vector<std::vector<std::string>>& labels) {
  LabelSet set;
  for (const auto& [label, count] :
       count_names(labels, [](const std::string& label) { return label; })) {
    set.add(label, count);
  }
  return set;
}

LabelSet LabelSet::load(const std::string& file) {
  LabelSet set;
  set.load_from(file);
  if (set.size() == 0) {
    throw DataError(file + ": is empty, expected one label per line");
  }
  return set;
}

}  // namespace masked_rnn

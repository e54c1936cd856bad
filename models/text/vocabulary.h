// The indices of tokens and of labels, and their one file format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace masked_rnn {

// Names with dense indices from 0, each with how often it was seen. Base of the two classes below.
class IndexedNames {
 public:
  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  // Throws c10::Error if index is not in 0..size()-1.
  const std::string& name(int64_t index) const;
  const std::vector<std::string>& names() const { return names_; }
  int64_t count(int64_t index) const { return counts_[index]; }

  // One line per name in the order of the indices: name, tab, count. Whole or not at all.
  void save(const std::string& file) const;

 protected:
  // -1 if absent
  int64_t find(std::string_view name) const;
  void add(std::string name, int64_t count);
  // Adds the lines of a file; DataError with file and line if one is malformed or double.
  void load_from(const std::string& file);

 private:
  std::vector<std::string> names_;
  std::vector<int64_t> counts_;
  std::unordered_map<std::string, int64_t> indices_;
};

// Normalised tokens, after the four special ones.
class Vocabulary : public IndexedNames {
 public:
  static constexpr int64_t kPad = 0, kUnk = 1, kSos = 2, kEos = 3;

  // The normalised tokens of all sentences that occur at least min_count times, by falling count,
  // then by bytes.
  static Vocabulary build(const std::vector<std::vector<std::string>>& sentences,
                          int64_t min_count);
  // DataError if the file is no vocabulary.
  static Vocabulary load(const std::string& file);

  // The index of normalize(token), kUnk if absent.
  int64_t index(std::string_view token) const;
  const std::string& token(int64_t index) const { return name(index); }
  const std::vector<std::string>& tokens() const { return names(); }

 private:
  Vocabulary() = default;
};

// The classes of a classifier or the tags of a labeller, by bytes.
class LabelSet : public IndexedNames {
 public:
  LabelSet() = default;
  static LabelSet build(const std::vector<std::vector<std::string>>& labels);
  // DataError if the file is no set of labels.
  static LabelSet load(const std::string& file);

  int64_t index(std::string_view label) const { return find(label); }  // -1 if absent
  const std::string& label(int64_t index) const { return name(index); }
  const std::vector<std::string>& labels() const { return names(); }
};

}  // namespace masked_rnn

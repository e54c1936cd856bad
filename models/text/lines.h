// A text file cut into lines, checked to be text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace masked_rnn {

class Lines {
 public:
  // Takes the bytes of the file. A byte order mark at the start and \r before \n are dropped; a
  // missing final newline is no matter. DataError with file and line for NUL bytes (binary files)
  // and for invalid UTF-8.
  Lines(std::string file, std::string bytes);
  Lines(const Lines&) = delete;  // the lines point into the text
  Lines& operator=(const Lines&) = delete;

  int64_t size() const { return static_cast<int64_t>(lines_.size()); }
  std::string_view operator[](int64_t i) const { return lines_[i]; }
  const std::string& file() const { return file_; }

  // Throws DataError "file:line: message" for the line with this index, counted from 0.
  [[noreturn]] void fail(int64_t i, const std::string& message) const;

 private:
  std::string file_;
  std::string text_;
  std::vector<std::string_view> lines_;
};

}  // namespace masked_rnn

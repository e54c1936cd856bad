// A text file cut into lines; see lines.h.
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/text/lines.h>
#include <utf8.h>

#include <utility>

namespace masked_rnn {

Lines::Lines(std::string file, std::string bytes)
    : file_(std::move(file)), text_(std::move(bytes)) {
  std::string_view rest = text_;
  if (rest.starts_with("\xEF\xBB\xBF")) {
    rest.remove_prefix(3);
  }
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    lines_.push_back(line);
    if (line.find('\0') != std::string_view::npos) {
      fail(size() - 1, "holds a NUL byte, expected text, not a binary file");
    }
    if (const auto bad = utf8::find_invalid(line.begin(), line.end()); bad != line.end()) {
      fail(size() - 1, "invalid UTF-8 at byte " + std::to_string(bad - line.begin() + 1));
    }
  }
}

void Lines::fail(int64_t i, const std::string& message) const {
  throw DataError(file_ + ":" + std::to_string(i + 1) + ": " + message);
}

}  // namespace masked_rnn

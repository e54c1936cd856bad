// Numeric series of variable length in the .ts format of the UEA archive: header lines @name value,
// then after @data one series a line, "a,b,c:d,e,f:label": channels between colons.
#include <masked_rnn/models/text/parsers.h>
#include <masked_rnn/models/text/tokenizer.h>

#include <charconv>
#include <cmath>
#include <string>

namespace masked_rnn {
namespace {

constexpr double kInfinite = 0x1.ffffffp127;  // from here on a float would be

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

struct Header {
  int64_t data_line = 0;  // the first line after @data
  bool class_label = false;
};

Header parse_header(const Lines& lines) {
  Header header;
  for (int64_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = trimmed(lines[i]);
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    if (!line.starts_with('@')) {
      lines.fail(i, "expected a header line that begins with @, or @data before the series");
    }
    const std::string lower = normalize(line);
    if (lower == "@data") {
      header.data_line = i + 1;
      return header;
    }
    if (lower.starts_with("@classlabel")) {
      header.class_label = lower.find("true") != std::string::npos;
    }
    if (lower.starts_with("@timestamps") && lower.find("true") != std::string::npos) {
      lines.fail(i, "series with time stamps are not supported, expected @timestamps false");
    }
  }
  lines.fail(lines.size() == 0 ? 0 : lines.size() - 1, "expected @data before the series");
}

// The values of one channel. Series shorter than others may be filled up with NaN at the end.
std::vector<float> parse_channel(const Lines& lines, int64_t i, std::string_view text) {
  std::vector<float> values;
  for (std::string_view item : split_at(text, ',')) {
    item = trimmed(item);
    double value = 0;  // what is too small for a float is 0
    const char* end = item.data() + item.size();
    const auto result = std::from_chars(item.data(), end, value);
    if (item.empty() || item == "?") {
      lines.fail(i, "a value is missing ('" + std::string(item) + "'), expected a number");
    }
    const bool too_large = std::isfinite(value) && std::abs(value) >= kInfinite;
    if (result.ec != std::errc() || result.ptr != end || too_large) {
      lines.fail(i, std::string("'").append(item) + "' is not a number of single precision");
    }
    values.push_back(static_cast<float>(value));
  }
  while (!values.empty() && std::isnan(values.back())) {
    values.pop_back();
  }
  for (const float value : values) {
    if (!std::isfinite(value)) {
      lines.fail(i, "a value inside the series is not finite, expected numbers");
    }
  }
  return values;
}

}  // namespace

std::vector<Example> parse_ts(const Lines& lines) {
  const Header header = parse_header(lines);
  std::vector<Example> examples;
  int64_t channels = 0;
  for (int64_t i = header.data_line; i < lines.size(); ++i) {
    const std::string_view line = trimmed(lines[i]);
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    auto parts = split_at(line, ':');
    Example example;
    example.line = i + 1;
    if (header.class_label) {
      example.labels = {std::string(trimmed(parts.back()))};
      parts.pop_back();
      if (parts.empty() || example.labels[0].empty()) {
        lines.fail(i, "expected channels separated by colons and a class label at the end");
      }
    }
    const auto here = static_cast<int64_t>(parts.size());
    if (channels == 0) {
      channels = here;
    }
    if (here != channels) {
      lines.fail(i,
                 "has " + counted(parts.size(), "channel") + ", expected " +
                     std::to_string(channels) + " as in the first series");
    }
    for (int64_t c = 0; c < channels; ++c) {
      const auto values = parse_channel(lines, i, parts[c]);
      const auto length = static_cast<int64_t>(values.size());
      if (c == 0) {
        example.features = torch::empty({length, channels});
      }
      if (length != example.features.size(0)) {
        lines.fail(i,
                   "channel " + std::to_string(c + 1) + " has " + counted(values.size(), "value") +
                       ", expected " + std::to_string(example.features.size(0)) +
                       " as in the first channel");
      }
      float* data = example.features.mutable_data_ptr<float>();
      for (int64_t t = 0; t < length; ++t) {
        data[t * channels + c] = values[t];
      }
    }
    if (example.features.size(0) == 0) {
      lines.fail(i, "a series without values, expected at least one");
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace masked_rnn

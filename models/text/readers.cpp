// Reading data sets; see readers.h.
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/text/parsers.h>
#include <masked_rnn/models/text/readers.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace masked_rnn {
namespace {

constexpr std::array<std::pair<const char*, Format>, 6> kNames{{{"tsv", Format::kTsv},
                                                                {"csv", Format::kCsv},
                                                                {"conllu", Format::kConllu},
                                                                {"conll", Format::kConll},
                                                                {"ts", Format::kTs},
                                                                {"txt", Format::kText}}};

std::vector<Example> parse(const Lines& lines, Format format) {
  switch (format) {
    case Format::kTsv:
      return parse_tsv(lines);
    case Format::kCsv:
      return parse_csv(lines);
    case Format::kConllu:
      return parse_conllu(lines);
    case Format::kConll:
      return parse_conll(lines);
    case Format::kTs:
      return parse_ts(lines);
    case Format::kText:
      return parse_text(lines);
  }
  return {};
}

DataSet from_bytes(const std::string& name, std::string bytes, Format format) {
  const Lines lines(name, std::move(bytes));
  DataSet data{name, format, parse(lines, format)};
  if (data.examples.empty()) {
    throw DataError(name + ": holds no example, expected at least one");
  }
  return data;
}

}  // namespace

std::vector<std::string_view> split_at(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  size_t from = 0;
  for (size_t cut; (cut = line.find(separator, from)) != std::string_view::npos; from = cut + 1) {
    parts.push_back(line.substr(from, cut - from));
  }
  parts.push_back(line.substr(from));
  return parts;
}

std::string counted(size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

bool is_blank(std::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return c == ' ' || c == '\t'; });
}

Format format_of(const std::string& file) {
  const size_t dot = file.rfind('.');
  for (const auto& [name, format] : kNames) {
    if (dot != std::string::npos && file.substr(dot + 1) == name) {
      return format;
    }
  }
  throw DataError(file +
                  ": unknown kind of file, expected .tsv, .csv, .conllu, .conll, .ts or .txt");
}

Format format_from_name(const std::string& name) {
  for (const auto& [known, format] : kNames) {
    if (name == known) {
      return format;
    }
  }
  throw DataError("unknown format '" + name + "', expected tsv, csv, conllu, conll, ts or txt");
}

DataSet read(const std::string& file, Format format) {
  return from_bytes(file, read_bytes(file), format);
}

DataSet read(const std::string& file) { return read(file, format_of(file)); }

DataSet read(std::istream& in, const std::string& name, Format format) {
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return from_bytes(name, std::move(bytes), format);
}

}  // namespace masked_rnn

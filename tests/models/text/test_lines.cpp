// Files cut into lines, and what is no text (lines.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/text/lines.h>
#include <tests/support/errors.h>

#include <string>
#include <vector>

namespace {

using masked_rnn::Lines;
using masked_rnn::test::data_error_of;
using namespace std::string_literals;

std::vector<std::string> lines_of(const std::string& bytes) {
  const Lines lines("in", bytes);
  std::vector<std::string> all;
  for (int64_t i = 0; i < lines.size(); ++i) all.emplace_back(lines[i]);
  return all;
}

std::string error_of(const std::string& bytes) {
  return data_error_of([&] { Lines("in", bytes); });
}

using Strings = std::vector<std::string>;

TEST(Lines, EndAtLineFeeds) {
  EXPECT_EQ(lines_of(""), Strings());
  EXPECT_EQ(lines_of("\n"), Strings({""}));
  EXPECT_EQ(lines_of("a\n\nb\n"), Strings({"a", "", "b"}));
  EXPECT_EQ(lines_of("a\n\nb"), Strings({"a", "", "b"}));
}

TEST(Lines, LoseCarriageReturnsBeforeLineFeedsOnly) {
  EXPECT_EQ(lines_of("a\r\n\r\nb\rc\r\r\nd\r\n"), Strings({"a", "", "b\rc\r", "d"}));
}

TEST(Lines, DropOneByteOrderMarkAtTheStart) {
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"), Strings());
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"
                     "a\n\xEF\xBB\xBF"
                     "b"),
            Strings({"a",
                     "\xEF\xBB\xBF"
                     "b"}));
}

TEST(Lines, KeepOtherSpacesAndLineSeparators) {
  const std::string line = "a\t b \v\f\xC2\x85\xC2\xA0\xE2\x80\xA8 c ";
  EXPECT_EQ(lines_of(line + "\nd"), Strings({line, "d"}));
}

TEST(Lines, NulBytesAreNamedWithTheirLine) {
  EXPECT_EQ(error_of("a\nb\0c\n"s), "in:2: holds a NUL byte, expected text, not a binary file");
  EXPECT_EQ(error_of("\0"s), "in:1: holds a NUL byte, expected text, not a binary file");
  EXPECT_EQ(error_of("\x7F"
                     "ELF\x02\x01\x01\0\0"s),
            "in:1: holds a NUL byte, expected text, not a binary file");
  EXPECT_EQ(error_of("\xFF\xFEh\0i\0"s),
            "in:1: holds a NUL byte, expected text, not a binary file");
}

TEST(Lines, InvalidUtf8IsNamedWithLineAndByte) {
  EXPECT_EQ(error_of("a\nab\xFF"), "in:2: invalid UTF-8 at byte 3");
  EXPECT_EQ(error_of("\x80"), "in:1: invalid UTF-8 at byte 1");                     // no first byte
  EXPECT_EQ(error_of("\xC3\xA6 \xE2\x82\n\xAC"), "in:1: invalid UTF-8 at byte 4");  // cut in two
  EXPECT_EQ(error_of("/\xC0\xAF"), "in:1: invalid UTF-8 at byte 2");                // overlong
  EXPECT_EQ(error_of("\xED\xA0\x80"), "in:1: invalid UTF-8 at byte 1");             // surrogate
  EXPECT_EQ(error_of("\xF4\x90\x80\x80"), "in:1: invalid UTF-8 at byte 1");         // > 10FFFF
  EXPECT_EQ(error_of("na\xEFve"), "in:1: invalid UTF-8 at byte 3");                 // Latin-1
}

TEST(Lines, ValidUtf8OfEveryLengthPasses) {
  const std::string line = "a\xC3\xA6\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF";
  EXPECT_EQ(lines_of(line), Strings({line}));
}

TEST(Lines, FailNamesFileAndLineFromOne) {
  const Lines lines("folder/file", "a\nb\n");
  EXPECT_EQ(data_error_of([&] { lines.fail(1, "is b"); }), "folder/file:2: is b");
}

TEST(Lines, OfTenMegabytes) {
  const std::string line(10'000'000, 'x');
  EXPECT_EQ(lines_of("a\n" + line + "\nb"), Strings({"a", line, "b"}));
}

}  // namespace

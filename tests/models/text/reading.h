// Data sets from strings, the errors of reading, and the folder of the real data sets.
#pragma once

#include <gtest/gtest.h>
#include <masked_rnn/models/text/readers.h>
#include <tests/support/errors.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace masked_rnn::test {

// As read from standard input, with the name "in".
inline DataSet read_string(const std::string& content, Format format) {
  std::istringstream stream(content);
  return read(stream, "in", format);
}

inline std::string reading_error(const std::string& content, Format format) {
  return data_error_of([&] { read_string(content, format); });
}

// Tests on real data: skipped where MASKED_RNN_DATA names no folder.
class RealData : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("MASKED_RNN_DATA");
    if (folder == nullptr) GTEST_SKIP() << "MASKED_RNN_DATA names no folder of data sets";
    folder_ = folder;
  }

  std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

}  // namespace masked_rnn::test

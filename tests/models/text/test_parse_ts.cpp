// Numeric series of the UEA archive (parse_ts.cpp).
#include <tests/models/text/reading.h>

#include <cmath>
#include <vector>

namespace {

using masked_rnn::DataSet;
using masked_rnn::Format;
using masked_rnn::test::read_string;
using masked_rnn::test::reading_error;
using Strings = std::vector<std::string>;

const std::string kHeader =
    "# about\n@problemName p\n@timestamps false\n@classLabel true a b\n@data\n";

DataSet ts(const std::string& content) { return read_string(content, Format::kTs); }
// The message of the only series, which is on line 6.
std::string series_error(const std::string& line) {
  return reading_error(kHeader + line + "\n", Format::kTs);
}

// The rows of a tensor [T, I].
std::vector<std::vector<float>> features_of(const torch::Tensor& features) {
  EXPECT_EQ(features.scalar_type(), torch::kFloat);
  std::vector<std::vector<float>> all;
  for (int64_t t = 0; t < features.size(0); ++t) {
    const float* row = features.const_data_ptr<float>() + t * features.size(1);
    all.emplace_back(row, row + features.size(1));
  }
  return all;
}
using Features = std::vector<std::vector<float>>;

TEST(ParseTs, ChannelsAreColumnsAndLengthsDiffer) {
  const DataSet data =
      ts(kHeader + "1,2,3:4,5,6:a\n\n# note\n -1.5e1 , 1e2 : .25,-0 : b \r\n7:8:a");
  ASSERT_EQ(data.examples.size(), 3u);
  EXPECT_EQ(features_of(data.examples[0].features), Features({{1, 4}, {2, 5}, {3, 6}}));
  EXPECT_EQ(data.examples[0].labels, Strings({"a"}));
  EXPECT_EQ(data.examples[0].line, 6);
  EXPECT_EQ(data.examples[0].tokens, Strings());
  EXPECT_EQ(features_of(data.examples[1].features), Features({{-15, 0.25}, {100, 0}}));
  EXPECT_EQ(data.examples[1].labels, Strings({"b"}));
  EXPECT_EQ(data.examples[1].line, 9);
  EXPECT_EQ(features_of(data.examples[2].features), Features({{7, 8}}));
}

TEST(ParseTs, KeywordsInAnyCaseAndWithoutClassLabels) {
  const DataSet data = ts("@PROBLEMNAME p\n@CLASSLABEL False\n @Data \n1,2\n");
  EXPECT_EQ(features_of(data.examples.at(0).features), Features({{1}, {2}}));
  EXPECT_EQ(data.examples.at(0).labels, Strings());
}

TEST(ParseTs, NanAtTheEndOfEveryChannelIsPadding) {
  const DataSet data = ts(kHeader + "1,2,NaN,nan:3,4,NaN,NaN:a\n");
  EXPECT_EQ(features_of(data.examples.at(0).features), Features({{1, 3}, {2, 4}}));
}

TEST(ParseTs, NumbersKeepTheirSinglePrecision) {
  const DataSet data = ts(kHeader + "0.1,3.4028235e38,1e-60,-1.4e-45:a\n");
  EXPECT_EQ(features_of(data.examples.at(0).features),
            Features({{0.1f}, {3.4028235e38f}, {0}, {-1.4e-45f}}));
}

TEST(ParseTs, NoData) {
  EXPECT_EQ(reading_error("@problemName p\n@classLabel true a\n", Format::kTs),
            "in:2: expected @data before the series");
  EXPECT_EQ(reading_error("@problemName p\n1,2:a\n", Format::kTs),
            "in:2: expected a header line that begins with @, or @data before the series");
  EXPECT_EQ(reading_error("", Format::kTs), "in:1: expected @data before the series");
  EXPECT_EQ(reading_error(kHeader, Format::kTs), "in: holds no example, expected at least one");
}

TEST(ParseTs, TimeStampsAreRefused) {
  EXPECT_EQ(reading_error("@timeStamps true\n@data\n(0,1):a\n", Format::kTs),
            "in:1: series with time stamps are not supported, expected @timestamps false");
}

TEST(ParseTs, ValuesMissing) {
  EXPECT_EQ(series_error("1,?,3:a"), "in:6: a value is missing ('?'), expected a number");
  EXPECT_EQ(series_error("1,2,:a"), "in:6: a value is missing (''), expected a number");
  EXPECT_EQ(series_error("1,2::a"), "in:6: a value is missing (''), expected a number");
}

TEST(ParseTs, ValuesThatAreNoNumbers) {
  for (const std::string value :
       {"x", "1x", "1 2", "0x10", "--1", "(0", "\xC3\xA6", "1e40", "-3.4028236e38", "1e999"}) {
    EXPECT_EQ(series_error("1," + value + ":a"),
              "in:6: '" + value + "' is not a number of single precision");
  }
}

TEST(ParseTs, ValuesThatAreNotFinite) {
  const std::string message = "in:6: a value inside the series is not finite, expected numbers";
  EXPECT_EQ(series_error("1,NaN,2:a"), message);
  EXPECT_EQ(series_error("1,inf:a"), message);
  EXPECT_EQ(series_error("-infinity,1:a"), message);
}

TEST(ParseTs, ChannelsOfDifferentLengths) {
  EXPECT_EQ(series_error("1,2:1,2:1,2,3:a"),
            "in:6: channel 3 has 3 values, expected 2 as in the first channel");
  EXPECT_EQ(series_error("1,2:1,NaN:a"),
            "in:6: channel 2 has 1 value, expected 2 as in the first channel");
}

TEST(ParseTs, AnotherNumberOfChannels) {
  EXPECT_EQ(series_error("1:2:a\n1:a"), "in:7: has 1 channel, expected 2 as in the first series");
}

TEST(ParseTs, NoLabel) {
  const std::string message =
      "in:6: expected channels separated by colons and a class label at the end";
  EXPECT_EQ(series_error("1,2,3"), message);
  EXPECT_EQ(series_error("1,2,3: "), message);
}

TEST(ParseTs, NoValues) {
  EXPECT_EQ(series_error("NaN,NaN:NaN:a"), "in:6: a series without values, expected at least one");
}

}  // namespace

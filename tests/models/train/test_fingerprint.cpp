// Fingerprints of data sets (train/fingerprint.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/train/fingerprint.h>

#include <set>

namespace {

using namespace masked_rnn;

DataSet data_of(std::vector<std::vector<std::string>> sentences) {
  DataSet data;
  for (auto& tokens : sentences) {
    data.examples.emplace_back();
    data.examples.back().tokens = std::move(tokens);
    data.examples.back().labels = {"yes"};
  }
  return data;
}

TEST(Fingerprint, ChangesWithTheContent) {
  DataSet other_label = data_of({{"a", "b"}, {"c"}});
  other_label.examples[1].labels = {"no"};
  const std::set<std::string> all{fingerprint(data_of({{"a", "b"}, {"c"}})),
                                  fingerprint(data_of({{"a"}, {"b", "c"}})),
                                  fingerprint(data_of({{"c"}, {"a", "b"}})),
                                  fingerprint(data_of({{"ab"}, {"c"}})),
                                  fingerprint(data_of({{"a", "b"}})),
                                  fingerprint(other_label)};
  EXPECT_EQ(all.size(), 6U);
  for (const std::string& digits : all) {
    EXPECT_EQ(digits.size(), 16U);
    EXPECT_EQ(digits.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

TEST(Fingerprint, DoesNotDependOnWhereTheDataIs) {
  DataSet moved = data_of({{"a", "b"}});
  moved.file = "elsewhere";
  moved.examples[0].line = 7;
  EXPECT_EQ(fingerprint(moved), fingerprint(data_of({{"a", "b"}})));
}

TEST(Fingerprint, ReadsFeatures) {
  const auto of = [](const torch::Tensor& features) {
    DataSet data = data_of({{}});
    data.examples[0].features = features;
    return fingerprint(data);
  };
  const torch::Tensor features = torch::arange(6).reshape({3, 2}).to(torch::kFloat);
  EXPECT_EQ(of(features), of(features.clone()));
  EXPECT_EQ(of(features), of(features.t().contiguous().t()));
  EXPECT_NE(of(features), of(features + 1));
  EXPECT_NE(of(features), of(features.reshape({2, 3})));
}

}  // namespace

// The lines of metrics.jsonl. Doubles are written so that they are read back to the same bits.
#include <masked_rnn/models/train/metrics.h>

#include <nlohmann/json.hpp>

namespace masked_rnn {
namespace {

using Json = nlohmann::ordered_json;

Json optional_number(const std::optional<double>& number) {
  return number ? Json(*number) : Json(nullptr);
}

std::optional<double> number_or_null(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<double>(json.get<double>());
}

}  // namespace

std::string to_json_line(const EpochMetrics& metrics) {
  const Json line = {{"epoch", metrics.epoch},
                     {"train_loss", metrics.train_loss},
                     {"dev_loss", optional_number(metrics.dev_loss)},
                     {"dev_accuracy", optional_number(metrics.dev_accuracy)},
                     {"tokens_per_second", metrics.tokens_per_second},
                     {"seconds", metrics.seconds}};
  return line.dump();
}

EpochMetrics metrics_from_json_line(const std::string& line) {
  const Json json = Json::parse(line);
  EpochMetrics metrics;
  json.at("epoch").get_to(metrics.epoch);
  json.at("train_loss").get_to(metrics.train_loss);
  metrics.dev_loss = number_or_null(json.at("dev_loss"));
  metrics.dev_accuracy = number_or_null(json.at("dev_accuracy"));
  json.at("tokens_per_second").get_to(metrics.tokens_per_second);
  json.at("seconds").get_to(metrics.seconds);
  return metrics;
}

std::string to_json_lines(const std::vector<EpochMetrics>& history) {
  std::string lines;
  for (const EpochMetrics& metrics : history) lines += to_json_line(metrics) + "\n";
  return lines;
}

}  // namespace masked_rnn

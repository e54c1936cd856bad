// What is measured in each epoch of training, and its line in metrics.jsonl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace masked_rnn {

struct EpochMetrics {
  int64_t epoch = 0;                   // 1 is the first
  double train_loss = 0.0;             // nats per target, while the weights were changing
  std::optional<double> dev_loss;      // nats per known target; absent without a development set
  std::optional<double> dev_accuracy;  // 0..1
  double tokens_per_second = 0.0;      // in training
  double seconds = 0.0;                // training and development set
};

// One JSON object, without a line end. from_json_line throws nlohmann::json::exception.
std::string to_json_line(const EpochMetrics& metrics);
EpochMetrics metrics_from_json_line(const std::string& line);

// All of them, a line each: the content of metrics.jsonl.
std::string to_json_lines(const std::vector<EpochMetrics>& history);

}  // namespace masked_rnn

// The options of a run as JSON, one key per field. Not installed: nlohmann-json is no part of what a
// program that uses the models must have.
#pragma once

#include <masked_rnn/models/run.h>

#include <nlohmann/json_fwd.hpp>

namespace masked_rnn {

// Each from_json throws nlohmann::json::exception or c10::Error when a key is absent or its value is
// none of the field's.
void to_json(nlohmann::json& json, const ModelOptions& options);
void from_json(const nlohmann::json& json, ModelOptions& options);
void to_json(nlohmann::json& json, const TrainingOptions& options);
void from_json(const nlohmann::json& json, TrainingOptions& options);
void to_json(nlohmann::json& json, const RunDescription& description);
void from_json(const nlohmann::json& json, RunDescription& description);

}  // namespace masked_rnn

// Whether a data set is still the one that a run was started with.
#pragma once

#include <masked_rnn/models/text/example.h>

#include <string>

namespace masked_rnn {

// 16 hexadecimal digits that depend on every token, label and feature in their order, and not on
// where the data comes from or how its file is written.
std::string fingerprint(const DataSet& data);

}  // namespace masked_rnn

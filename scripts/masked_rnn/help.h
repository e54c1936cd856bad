// How --help looks.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

namespace masked_rnn {

// As CLI11's own, but with an option's default at the end of its description, in words.
std::shared_ptr<CLI::Formatter> help_formatter();

// Lets `option` be one of `names` only, and shows them as its type: lstm|gru.
CLI::Option* only(CLI::Option* option, const std::vector<std::string>& names);

}  // namespace masked_rnn

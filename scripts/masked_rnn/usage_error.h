// What a person has to change on the command line. Exit status 2.
#pragma once

#include <stdexcept>

namespace masked_rnn {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace masked_rnn

// The error of everything that comes from outside: files, folders, data.
#pragma once

#include <stdexcept>

namespace masked_rnn {

// what() is one line: "file:line: what is wrong, what is expected".
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace masked_rnn

// What the errors say that a test expects.
#pragma once

#include <c10/util/Exception.h>
#include <masked_rnn/models/error.h>

#include <string>

namespace masked_rnn::test {

// The message of the c10::Error that `call` throws, without the stack.
template <typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

// what() of the DataError that `call` throws.
template <typename Call>
std::string data_error_of(const Call& call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no DataError";
}

}  // namespace masked_rnn::test

// How our own operators are called from C++: through the dispatcher.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace masked_rnn {

// Of the operator masked_rnn::..., whose C++ type is Function. To be kept: it looks the name up.
template <class Function>
auto operator_handle(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Function>();
}

}  // namespace masked_rnn

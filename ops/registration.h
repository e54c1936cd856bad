// Whether this copy of the library registers its operators: a process has one set of them.
#pragma once

namespace masked_rnn {

// False, after a warning that names both files as far as they are known, if another copy of the
// library, of this version or another, has registered the operators before. Calls go to that one then.
// Every registration asks first.
bool may_register();

}  // namespace masked_rnn

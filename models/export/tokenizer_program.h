// The TorchScript twin of text/tokenizer.
#pragma once

#include <string>

namespace masked_rnn {

// Methods tokenize(str) -> List[str] and normalize(str) -> str, equal byte by byte to the functions
// of text/tokenizer.h; linear in the length of the text.
std::string tokenizer_program();

}  // namespace masked_rnn

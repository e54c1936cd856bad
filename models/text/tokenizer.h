// How text becomes tokens, and tokens what the vocabulary knows: byte by byte, so that exported
// programs, whose strings are bytes, do exactly the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace masked_rnn {

// 1. Split at ASCII whitespace (space, \t, \n, \v, \f, \r) into chunks.
// 2. From the front of each chunk, while it begins with ASCII punctuation: take the run of this
//    same byte as a token ("...", "!!").
// 3. Likewise from its end.
// 4. What is left, the word, begins and ends with no punctuation. If its ASCII lower case ends with
//    n't, and something stands before it, split there ("do" "n't"); else likewise with the first
//    that fits of 's 'm 'd 're 've 'll.
//
// Punctuation is 0x21-0x7E without letters and digits. All other bytes, from 0x80 and control
// characters too, are letters. Tokens keep their case; none is empty. Linear in the length.
std::vector<std::string> tokenize(std::string_view text);

// What is looked up in the vocabulary: ASCII capitals become small letters.
std::string normalize(std::string_view token);

}  // namespace masked_rnn

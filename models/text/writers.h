// Writing sentences with their tags.
#pragma once

#include <masked_rnn/models/text/example.h>

#include <ostream>
#include <string>
#include <vector>

namespace masked_rnn {

// CoNLL-U with `tags` (one per token) as UPOS and a blank line at the end. A sentence that was read
// from CoNLL-U keeps everything else: comments, ranges, empty nodes, other columns.
void write_conllu(std::ostream& out, const Example& example, const std::vector<std::string>& tags);

// token<TAB>tag lines and a blank line.
void write_conll(std::ostream& out, const Example& example, const std::vector<std::string>& tags);

}  // namespace masked_rnn

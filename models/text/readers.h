// Reading data sets. What is wrong with a file is said by a DataError "file:line: what is wrong,
// what is expected".
#pragma once

#include <masked_rnn/models/text/example.h>

#include <istream>
#include <string>

namespace masked_rnn {

// By the file's extension: .tsv .csv .conllu .conll .ts .txt. DataError for any other.
Format format_of(const std::string& file);

// The format whose name it is: tsv csv conllu conll ts txt. DataError for any other.
Format format_from_name(const std::string& name);

// At least one example, in the order of the file. Text is tokenised, CoNLL is taken as it stands;
// tags `_` (CoNLL-U) or a missing second column (CoNLL) in a whole sentence mean that it has no
// labels. A first line `label,text` of CSV is a header.
DataSet read(const std::string& file, Format format);
DataSet read(const std::string& file);
DataSet read(std::istream& in, const std::string& name, Format format);

}  // namespace masked_rnn

// The standard streams of a program whose output other programs read.
#pragma once

#include <string>
#include <string_view>

namespace masked_rnn {

// Sees to it that files which are opened later never take the place of a standard stream that was
// closed from the start.
void reserve_standard_streams();

// Whether lines on standard output can be drawn over.
bool stdout_is_terminal();

// Standard output, with its errors: write and flush throw DataError. A reader that goes away ends
// the program without a word, as it does with cat.
class Output {
 public:
  ~Output();
  void write(std::string_view text);
  void flush();

 private:
  std::string waiting_;
};

}  // namespace masked_rnn

// Files as the programs write and read them: whole or not at all, with errors that name the file.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace masked_rnn {

// Calls `write` with a stream to a new file beside `file`, brings it to the disk and renames it to
// `file`: at any moment `file` is what it was before or complete. Where `file` is a symbolic link, all
// this happens to the file that it leads to, and the link stays. On failure nothing of it is left
// and DataError is thrown: "file: cannot be written: No space left on device". Devices and pipes are
// refused. Exceptions of `write` pass through, and leave nothing either.
void write_atomically(const std::string& file, const std::function<void(std::ostream&)>& write);
void write_atomically(const std::string& file, std::string_view content);

// Whether `name` is one that write_atomically gives the file beside `file` (without folders). If the
// process is killed that file stays.
bool is_temporary_of(std::string_view file, std::string_view name);

// The bytes of a regular file; DataError if it cannot be read.
std::string read_bytes(const std::string& file);

// Makes the folder and those above it. Returns whether it was made, false if it existed; DataError
// if it cannot be made or is no folder.
bool make_folder(const std::string& folder);

}  // namespace masked_rnn

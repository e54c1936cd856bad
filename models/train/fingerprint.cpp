// The 64-bit FNV-1a hash of a data set's content.
#include <masked_rnn/models/train/fingerprint.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

namespace masked_rnn {
namespace {

class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) {
      state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    }
  }

  // Lengths go in too, so that where one string ends and the next begins matters.
  void add_number(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      const char byte = static_cast<char>(number >> shift);
      add({&byte, 1});
    }
  }

  void add_strings(const std::vector<std::string>& strings) {
    add_number(strings.size());
    for (const std::string& text : strings) {
      add_number(text.size());
      add(text);
    }
  }

  uint64_t state() const { return state_; }

 private:
  uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace

std::string fingerprint(const DataSet& data) {
  Hash hash;
  hash.add_number(data.examples.size());
  for (const Example& example : data.examples) {
    hash.add_strings(example.tokens);
    hash.add_strings(example.labels);
    if (!example.features.defined()) continue;
    const torch::Tensor features = example.features.to(torch::kFloat32).contiguous();
    hash.add_number(static_cast<uint64_t>(features.size(0)));
    hash.add({static_cast<const char*>(features.const_data_ptr()), features.nbytes()});
  }
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash.state()));
  return digits;
}

}  // namespace masked_rnn

// The TorchScript twin of text/tokenizer: the same rules, in the same order. It splits the text into
// one-byte strings once: text[i] would copy all of it, and a slice of the list copies the slice.
#include <masked_rnn/models/export/tokenizer_program.h>

namespace masked_rnn {
namespace {

constexpr const char* kTokenizer = R"py(
def is_space(self, byte: int) -> bool:
    return byte == 32 or (byte >= 9 and byte <= 13)

def is_punctuation(self, byte: int) -> bool:
    return (byte >= 33 and byte <= 47) or (byte >= 58 and byte <= 64) or (byte >= 91 and byte <= 96) or (byte >= 123 and byte <= 126)

def normalize(self, token: str) -> str:
    return token.lower()

def add_word(self, word: str, tokens: List[str]) -> None:
    lower = self.normalize(word)
    cut = len(word)
    for ending in ["n't", "'s", "'m", "'d", "'re", "'ve", "'ll"]:
        if cut == len(word) and len(word) > len(ending) and lower.endswith(ending):
            cut = len(word) - len(ending)
    tokens.append(word[:cut])
    if cut < len(word):
        tokens.append(word[cut:])

def add_chunk(self, letters: List[str], bytes: List[int], tokens: List[str], begin: int, end: int) -> None:
    first = begin
    while first < end and self.is_punctuation(bytes[first]):
        run = first + 1
        while run < end and bytes[run] == bytes[first]:
            run += 1
        tokens.append("".join(letters[first:run]))
        first = run
    last = end
    behind: List[str] = []
    while last > first and self.is_punctuation(bytes[last - 1]):
        run = last - 1
        while run > first and bytes[run - 1] == bytes[last - 1]:
            run -= 1
        behind.append("".join(letters[run:last]))
        last = run
    if first < last:
        self.add_word("".join(letters[first:last]), tokens)
    behind.reverse()
    tokens.extend(behind)

def tokenize(self, text: str) -> List[str]:
    letters = list(text)
    bytes = [ord(letter) for letter in letters]
    tokens: List[str] = []
    begin = 0
    for end in range(len(bytes) + 1):
        if end == len(bytes) or self.is_space(bytes[end]):
            if end > begin:
                self.add_chunk(letters, bytes, tokens, begin, end)
            begin = end + 1
    return tokens
)py";

}  // namespace

std::string tokenizer_program() { return kTokenizer; }

}  // namespace masked_rnn

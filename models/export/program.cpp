// The TorchScript text of an exported model, composed of the pieces that its options ask for.
// str is bytes here: s[i] copies the whole string, list(s) splits it once.
#include <ATen/code_template.h>
#include <masked_rnn/models/export/program.h>
#include <masked_rnn/models/export/tokenizer_program.h>
#include <masked_rnn/models/text/batches.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <vector>

namespace masked_rnn {
namespace {

using at::jit::CodeTemplate;
using at::jit::TemplateEnv;

// One call of the operator; `states` says which of its results are used.
const CodeTemplate kLayers(R"py(
def ${method}(self, input: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
    weights = [${weights}]
    ${results} = masked_rnn.${operator}(input, ${hx}, weights, True, ${num_layers}, 0., False, ${bidirectional}, False, lengths)
    return output, h_n
)py");

const CodeTemplate kIndices(R"py(
def indices(self, sentences: List[List[str]]) -> Tuple[Tensor, Tensor]:
    lengths = [len(tokens) + 2 for tokens in sentences]
    steps = max(lengths)
    rows: List[List[int]] = []
    for tokens in sentences:
        row = [${sos}]
        for token in tokens:
            row.append(self.vocabulary.get(self.normalize(token), ${unk}))
        row.append(${eos})
        while len(row) < steps:
            row.append(${pad})
        rows.append(row)
    return torch.t(torch.tensor(rows)), torch.tensor(lengths)
)py");

// Word 0 has no letters: it stands at <sos>, <eos> and <pad>.
const CodeTemplate kSpelling(R"py(
def spelling(self, sentences: List[List[str]], steps: int) -> Tensor:
    distinct = {"": 0}
    rows: List[List[int]] = []
    for tokens in sentences:
        row = [0]
        for token in tokens:
            if token not in distinct:
                distinct[token] = len(distinct)
            row.append(distinct[token])
        while len(row) < steps:
            row.append(0)
        rows.append(row)
    words: List[List[int]] = []
    for word in distinct.keys():
        words.append([ord(byte) for byte in list(word)[:${word_bytes}]])
    lengths = [len(word) for word in words]
    longest = max(max(lengths), 1)
    for word in words:
        while len(word) < longest:
            word.append(0)
    bytes = torch.embedding(self.encoder.character_embedding.weight, torch.t(torch.tensor(words)))
    output, h_n = self.character_layers(bytes, torch.tensor(lengths))
    spelled = torch.flatten(torch.transpose(h_n, 0, 1), 1)
    return torch.embedding(spelled, torch.t(torch.tensor(rows)))
)py");

constexpr const char* kEncodeWithSpelling = R"py(
def encode(self, sentences: List[List[str]]) -> Tuple[Tensor, Tensor, Tensor]:
    tokens, lengths = self.indices(sentences)
    vectors = torch.embedding(self.encoder.embedding.weight, tokens)
    input = torch.cat([vectors, self.spelling(sentences, len(tokens))], 2)
    output, h_n = self.layers(input, lengths)
    return output, h_n, lengths
)py";

constexpr const char* kEncodeEmbedding = R"py(
def encode(self, sentences: List[List[str]]) -> Tuple[Tensor, Tensor, Tensor]:
    tokens, lengths = self.indices(sentences)
    output, h_n = self.layers(torch.embedding(self.encoder.embedding.weight, tokens), lengths)
    return output, h_n, lengths
)py";

constexpr const char* kEncodeOneHot = R"py(
def encode(self, sentences: List[List[str]]) -> Tuple[Tensor, Tensor, Tensor]:
    tokens, lengths = self.indices(sentences)
    output, h_n = self.layers(tokens, lengths)
    return output, h_n, lengths
)py";

const CodeTemplate kEncodeDense(R"py(
def encode(self, series: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    for features in series:
        fits = features.dim() == 2 and features.size(-1) == ${feature_size}
        assert fits, "masked_rnn: expected every series to be [T, ${feature_size}], but got " + str(features.size())
    lengths = torch.tensor([len(features) for features in series])
    features = torch.pad_sequence(series).to(self.encoder.feature_mean)
    input = (features - self.encoder.feature_mean) * self.encoder.feature_scale
    output, h_n = self.layers(input, lengths)
    return output, h_n, lengths
)py");

const CodeTemplate kPoolLast(R"py(
def pool(self, output: Tensor, h_n: Tensor, lengths: Tensor) -> Tensor:
    return torch.flatten(torch.transpose(h_n[-${num_directions}:], 0, 1), 1)
)py");

constexpr const char* kPoolMean = R"py(
def pool(self, output: Tensor, h_n: Tensor, lengths: Tensor) -> Tensor:
    return torch.sum(output, [0]) / torch.unsqueeze(torch.clamp(lengths, 1), 1)
)py";

constexpr const char* kPoolMax = R"py(
def pool(self, output: Tensor, h_n: Tensor, lengths: Tensor) -> Tensor:
    if len(output) == 0:
        return torch.sum(output, [0])
    steps = torch.unsqueeze(torch.arange(len(output)), 1)
    padding = torch.unsqueeze(steps >= lengths, 2)
    highest = torch.amax(torch.masked_fill(output, padding, float("-inf")), 0)
    return torch.masked_fill(highest, torch.unsqueeze(lengths == 0, 1), 0.)
)py";

// A few sequences at a time: memory follows the longest of them, not the longest of all.
const CodeTemplate kClassify(R"py(
def classify(self, ${sequences}: List[${sequence}]) -> List[Tuple[str, float]]:
    results: List[Tuple[str, float]] = []
    for start in range(0, len(${sequences}), ${chunk}):
        output, h_n, lengths = self.encode(${sequences}[start:start + ${chunk}])
        pooled = self.pool(output, h_n, lengths)
        logits = torch.linear(pooled, self.linear.weight, self.linear.bias)
        probabilities, labels = torch.max(torch.softmax(logits, 1), 1)
        for i in range(len(labels)):
            results.append((self.labels[int(labels[i])], float(probabilities[i])))
    return results
)py");

const CodeTemplate kLabel(R"py(
def label(self, ${sequences}: List[${sequence}]) -> List[List[str]]:
    results: List[List[str]] = []
    for start in range(0, len(${sequences}), ${chunk}):
        chunk = ${sequences}[start:start + ${chunk}]
        output, h_n, lengths = self.encode(chunk)
        logits = torch.linear(output, self.linear.weight, self.linear.bias)
        labels: List[List[int]] = torch.t(torch.argmax(logits, 2)).tolist()
        for sequence, row in zip(chunk, labels):
            results.append([self.labels[row[${first} + t]] for t in range(len(sequence))])
    return results
)py");

constexpr const char* kForwardClassifyText = R"py(
def forward(self, sentences: List[str]) -> List[Tuple[str, float]]:
    return self.classify([self.tokenize(sentence) for sentence in sentences])
)py";

constexpr const char* kForwardLabelText = R"py(
def tag(self, sentences: List[List[str]]) -> List[List[Tuple[str, str]]]:
    results: List[List[Tuple[str, str]]] = []
    for tokens, labels in zip(sentences, self.label(sentences)):
        results.append([(tokens[t], labels[t]) for t in range(len(tokens))])
    return results

def forward(self, sentences: List[str]) -> List[List[Tuple[str, str]]]:
    return self.tag([self.tokenize(sentence) for sentence in sentences])
)py";

constexpr const char* kForwardClassifyDense = R"py(
def forward(self, series: List[Tensor]) -> List[Tuple[str, float]]:
    return self.classify(series)
)py";

constexpr const char* kForwardLabelDense = R"py(
def forward(self, series: List[Tensor]) -> List[List[str]]:
    return self.label(series)
)py";

constexpr int kChunk = 64;  // sequences that are padded to one length

// self.encoder.layers.rnn.weight_ih_l0, ...: registered in the order that operators take.
std::string weights(const SequenceModel& model, const std::string& prefix) {
  std::string list;
  for (const auto& item : model.named_parameters()) {
    if (item.key().compare(0, prefix.size(), prefix) != 0) continue;
    list += (list.empty() ? "self." : ", self.") + item.key();
  }
  return list;
}

struct Layers {
  std::string method;
  int64_t num_layers;
  bool bidirectional;
};

std::string layers_program(const SequenceModel& model, const Layers& layers) {
  const Cell cell = model.options().cell;
  TemplateEnv env;
  env.s("method", layers.method);
  env.s("weights", weights(model, "encoder." + layers.method + "."));
  env.s("operator", cell == Cell::kRnnTanh ? "rnn_tanh" : name(cell));
  env.s("results", cell == Cell::kLstm ? "output, h_n, c_n" : "output, h_n");
  env.s("hx", cell == Cell::kLstm ? "[]" : "None");
  env.d("num_layers", layers.num_layers);
  env.s("bidirectional", layers.bidirectional ? "True" : "False");
  return kLayers.format(env);
}

std::string text_program(const SequenceModel& model, const TemplateEnv& env) {
  std::string text = tokenizer_program() + kIndices.format(env);
  if (model.options().input == InputKind::kOneHot) return text + kEncodeOneHot;
  if (model.options().character_hidden_size == 0) return text + kEncodeEmbedding;
  return text + layers_program(model, {"character_layers", 1, true}) + kSpelling.format(env) +
         kEncodeWithSpelling;
}

std::string pool_program(Pooling pooling, const TemplateEnv& env) {
  switch (pooling) {
    case Pooling::kMean:
      return kPoolMean;
    case Pooling::kMax:
      return kPoolMax;
    case Pooling::kLast:
      break;
  }
  return kPoolLast.format(env);
}

}  // namespace

std::string export_program(const SequenceModel& model) {
  const ModelOptions& options = model.options();
  const bool dense = options.input == InputKind::kDense;
  TemplateEnv env;
  env.d("pad", Vocabulary::kPad);
  env.d("unk", Vocabulary::kUnk);
  env.d("sos", Vocabulary::kSos);
  env.d("eos", Vocabulary::kEos);
  env.d("word_bytes", kMaxWordBytes);
  env.d("feature_size", options.feature_size);
  env.d("num_directions", options.bidirectional ? 2 : 1);
  env.d("chunk", kChunk);
  env.s("sequences", dense ? "series" : "sentences");
  env.s("sequence", dense ? "Tensor" : "List[str]");
  env.d("first", dense ? 0 : 1);  // <sos> has no label

  const std::string encode =
      layers_program(model, {"layers", options.num_layers, options.bidirectional}) +
      (dense ? kEncodeDense.format(env) : text_program(model, env));
  if (options.task == Task::kClassify) {
    return encode + pool_program(options.pooling, env) + kClassify.format(env) +
           (dense ? kForwardClassifyDense : kForwardClassifyText);
  }
  return encode + kLabel.format(env) + (dense ? kForwardLabelDense : kForwardLabelText);
}

}  // namespace masked_rnn

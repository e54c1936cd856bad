// The kernels compiled for the level "default".
#define MASKED_RNN_VECTOR_BYTES 16
#include <masked_rnn/csrc/kernels/levels.h>
#include <masked_rnn/csrc/kernels/table.h>

namespace masked_rnn {

const Kernels<float> kFloatDefault = table<float>();
const Kernels<double> kDoubleDefault = table<double>();

}  // namespace masked_rnn

// The kernels compiled for the level "avx512".
#define MASKED_RNN_VECTOR_BYTES 64
#include <masked_rnn/csrc/kernels/levels.h>
#include <masked_rnn/csrc/kernels/table.h>

namespace masked_rnn {

const Kernels<float> kFloatAvx512 = table<float>();
const Kernels<double> kDoubleAvx512 = table<double>();

}  // namespace masked_rnn

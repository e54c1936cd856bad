// The kernels compiled for the level "avx2".
#define MASKED_RNN_VECTOR_BYTES 32
#include <masked_rnn/csrc/kernels/levels.h>
#include <masked_rnn/csrc/kernels/table.h>

namespace masked_rnn {

const Kernels<float> kFloatAvx2 = table<float>();
const Kernels<double> kDoubleAvx2 = table<double>();

}  // namespace masked_rnn

// The tables that the files compiled per instruction set define.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>

namespace masked_rnn {

extern const Kernels<float> kFloatDefault, kFloatAvx2, kFloatAvx512, kBfloat16Avx512;
extern const Kernels<double> kDoubleDefault, kDoubleAvx2, kDoubleAvx512;

}  // namespace masked_rnn

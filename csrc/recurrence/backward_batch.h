// The tensors of a backward pass, and the weights as its products read them.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/recurrence/packed_weight.h>
#include <masked_rnn/csrc/schedule.h>

namespace masked_rnn::recurrence {

// What all groups of a batch read, and the gradients of which each writes the rows of its sequences.
template <class T>
struct BackwardBatch {
  const LayerArguments& a;
  const Schedule& schedule;
  const WantedMask& wanted;
  const Kernels<T>& k;
  at::Tensor output, saved, h_0, c_0;
  OutputGradients grads;
  PackedWeight<T> weight_hh, weight_hr, weight_ih, weight_ih_n;
  at::Tensor grad_input, grad_h_0, grad_c_0;  // undefined where they are not wanted

  BackwardBatch(const LayerArguments& a,
                const Schedule& schedule,
                const at::Tensor& output,
                const at::Tensor& saved,
                const OutputGradients& grads,
                const WantedMask& wanted,
                WeightUse use_of_weight_ih);

  // Member `member` of `size` threads packs its share of the weights.
  void pack(int64_t member, int64_t size) const;
};

}  // namespace masked_rnn::recurrence

// The gradient of the input, W_ih^T of the gates' gradients, for the rows of a group of sequences.
#pragma once

#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/backward_batch.h>
#include <masked_rnn/csrc/recurrence/weight_gradients.h>

#include <vector>

namespace masked_rnn::recurrence {

template <class T>
class InputGradient {
 public:
  // Of the rows of `share`, which are some or all of those of the batch. Nothing is to be done if it is not wanted.
  InputGradient(const BackwardBatch<T>& batch, const Schedule& share);

  bool is_wanted() const { return !rows_.empty(); }

  // Member `member` of `size` threads writes its share of a part's: of the rows or, where products read the weight
  // itself, of the columns. `next` may be fetched meanwhile.
  void operator()(const GateGradients<T>& part,
                  int64_t member,
                  int64_t size,
                  const NextRows<T>& next) const;

 private:
  const BackwardBatch<T>& batch_;
  std::vector<T*> rows_;  // of the share
};

}  // namespace masked_rnn::recurrence

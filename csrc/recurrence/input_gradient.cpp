// See input_gradient.h.
#include <masked_rnn/csrc/recurrence/input_gradient.h>
#include <masked_rnn/csrc/recurrence/layout.h>

namespace masked_rnn::recurrence {

template <class T>
InputGradient<T>::InputGradient(const BackwardBatch<T>& batch, const Schedule& share)
    : batch_(batch) {
  if (batch.wanted[kInput]) {
    rows_ = row_pointers<T>(share, batch.grad_input);
  }
}

template <class T>
void InputGradient<T>::operator()(const GateGradients<T>& part,
                                  int64_t member,
                                  int64_t size,
                                  const NextRows<T>& next) const {
  const LayerArguments& a = batch_.a;
  const Products<T>& products = batch_.k.by_batch;
  Range rows{0, part.count}, columns{0, a.input_size()};
  if (batch_.weight_ih.is_read_by_products()) {
    columns = part_of(columns.last, products.block_units(1), member, size);
  } else {
    rows = part_of(rows.last, kRowsOfTiles, member, size);
  }
  const int64_t count = rows.last - rows.first;
  std::vector<T*> shifted;
  ProductArguments<T> p = batch_.weight_ih.times(columns);
  p.rows = count;
  p.a = part.rows + rows.first;
  p.c = from_column(rows_.data() + part.first + rows.first, count, columns.first, shifted);
  p.c_is_cold = are_cold<T>(batch_.schedule.num_rows, a.input_size());
  p.next = next;
  products.product(p);
  if (a.cell == CellKind::kGru) {
    const auto n_rows =
        part.gates.from(rows.first).template pointers<const T>(count, 3 * a.hidden_size());
    ProductArguments<T> of_n = batch_.weight_ih_n.times(columns);
    of_n.rows = count;
    of_n.a = n_rows.data();
    of_n.accumulate = true;
    of_n.c = p.c;
    products.product(of_n);
  }
}

template class InputGradient<float>;
template class InputGradient<double>;

}  // namespace masked_rnn::recurrence

// See packed_weight.h.
#include <masked_rnn/csrc/recurrence/packed_weight.h>
#include <masked_rnn/csrc/recycled.h>

#include <list>
#include <mutex>

namespace masked_rnn {
namespace {

// Packed weights that are kept hold at most so many bytes in all.
constexpr size_t kPackedBytes = size_t{1} << 27;

struct Kept {
  WeightIdentity identity;
  at::Tensor packed;

  bool replaces(const Kept& other) const {  // the same weight, with whatever values
    auto same = other.identity;
    same.values = identity.values;
    return same == identity;
  }
};

// The last used ones first. What a weight was is told by its values alone: a version counter does not
// see everything that writes to a tensor (Tensor.data, say), and memory may come to hold another one.
class KeptWeights {
 public:
  // Undefined if it is not there.
  at::Tensor find(const WeightIdentity& identity) {
    const std::lock_guard lock(mutex_);
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      if (kept->identity == identity) {
        kept_.splice(kept_.begin(), kept_, kept);
        return kept_.front().packed;
      }
    }
    return {};
  }

  void keep(const Kept& weight) {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const Kept& kept) { return weight.replaces(kept); });
    kept_.push_front(weight);
    size_t bytes = 0;
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      bytes += kept->packed.nbytes();
      if (bytes > kPackedBytes) {
        kept_.erase(kept, kept_.end());
        break;
      }
    }
  }

 private:
  std::mutex mutex_;
  std::list<Kept> kept_;
};

// Never destroyed: the memory of its tensors goes back to a pool that may be gone before.
KeptWeights& kept_weights() {
  static KeptWeights& the_weights = *new KeptWeights;
  return the_weights;
}

// Rows of about so many bytes have a fingerprint of their own, so that threads share the work.
constexpr size_t kFingerprintedBytes = size_t{1} << 17;

// Of a weight whose rows are contiguous.
template <class T>
WeightIdentity identify(const Kernels<T>& k,
                        const Products<T>& products,
                        const at::Tensor& weight,
                        int64_t gates) {
  const auto* data = static_cast<const char*>(weight.const_data_ptr());
  const auto bytes = [&](int64_t elements) {
    return static_cast<size_t>(elements) * weight.itemsize();
  };
  const auto parts =
      static_cast<int64_t>((weight.nbytes() + kFingerprintedBytes - 1) / kFingerprintedBytes);
  WeightIdentity identity{data,
                          weight.scalar_type(),
                          weight.size(0),
                          weight.size(1),
                          weight.stride(0),
                          gates,
                          &products,
                          std::vector<Fingerprint>(parts)};
  const bool cold = is_cold(weight.nbytes());
  const auto fingerprint = [&](int64_t part) {
    const Range rows = part_of(weight.size(0), /*unit=*/1, part, parts);
    // Those of a contiguous weight are one long row.
    const int64_t together = weight.is_contiguous() ? rows.last - rows.first : 1;
    for (int64_t row = rows.first; row < rows.last; row += together) {
      k.fingerprint(bytes(together * weight.size(1)),
                    data + bytes(row * weight.stride(0)),
                    identity.values[part].data(),
                    cold);
    }
  };
  if (parts == 1) {
    fingerprint(0);
  } else {
    parallel_team(num_threads(), [&](Team& team, int64_t member) {
      for (int64_t part = member; part < parts; part += team.size()) {
        fingerprint(part);
      }
    });
  }
  return identity;
}

template <class T>
bool reads_itself(const Products<T>& products, const PackArguments<T>& weight, WeightUse use) {
  return use == WeightUse::kOnce || (use == WeightUse::kBySingleRows && products.reads_rows &&
                                     (weight.stride_n == 1 || weight.stride_k == 1));
}

}  // namespace

template <class T>
PackedWeight<T> PackedWeight<T>::transposed(const Kernels<T>& kernels,
                                            const Products<T>& products,
                                            const at::Tensor& weight,
                                            int64_t gates,
                                            WeightUse use) {
  PackedWeight result;
  result.products_ = &products;
  result.arguments_.depth = weight.size(1);
  result.arguments_.columns = weight.size(0) / gates;
  result.arguments_.gates = gates;
  if (use == WeightUse::kAgain && weight.stride(1) == 1 && weight.stride(0) >= weight.size(1)) {
    result.fixed_ = identify(kernels, products, weight, gates);
    result.packed_ = kept_weights().find(*result.fixed_);
    if (result.packed_.defined()) {
      result.data_ = result.packed_.template const_data_ptr<T>();
      return result;
    }
  }
  result.set_weight(weight);
  result.arguments_.stride_k = result.weight_.stride(1);
  result.arguments_.stride_n = result.weight_.stride(0);
  if (!reads_itself(products, result.arguments_, use)) {
    result.make_room();
  }
  return result;
}

template <class T>
PackedWeight<T> PackedWeight<T>::plain(const Products<T>& products,
                                       const at::Tensor& weight,
                                       Range rows,
                                       WeightUse use) {
  PackedWeight result;
  result.products_ = &products;
  result.set_weight(weight);
  result.arguments_.weight += rows.first * result.weight_.stride(0);
  result.arguments_.stride_k = result.weight_.stride(0);
  result.arguments_.stride_n = result.weight_.stride(1);
  result.arguments_.depth = rows.last - rows.first;
  result.arguments_.columns = weight.size(1);
  result.arguments_.gates = 1;
  if (products.is_packed(result.arguments_)) {
    result.data_ = result.arguments_.weight;
  } else if (!reads_itself(products, result.arguments_, use)) {
    result.make_room();
  }
  return result;
}

template <class T>
void PackedWeight<T>::set_weight(const at::Tensor& weight) {
  constexpr auto dtype = c10::CppTypeToScalarType<T>::value;
  weight_ = weight.scalar_type() == dtype ? weight : recycled_copy(weight, dtype);
  arguments_.weight = weight_.template const_data_ptr<T>();
}

template <class T>
void PackedWeight<T>::make_room() {
  packed_ = recycled_empty(
      {products_->packed_size(arguments_.depth, arguments_.columns, arguments_.gates)},
      c10::CppTypeToScalarType<T>::value);
  arguments_.packed = packed_.mutable_data_ptr<T>();
  data_ = arguments_.packed;
}

template <class T>
void PackedWeight<T>::pack(int64_t member, int64_t size) const {
  if (arguments_.packed == nullptr) {
    return;
  }
  const Range mine =
      part_of(arguments_.columns, products_->block_units(arguments_.gates), member, size);
  PackArguments<T> share = arguments_;
  share.first = mine.first;
  share.last = mine.last;
  products_->pack(share);
}

template <class T>
ProductArguments<T> PackedWeight<T>::times(Range columns) const {
  ProductArguments<T> product{};
  product.depth = arguments_.depth;
  product.columns = columns.last - columns.first;
  if (is_read_by_products()) {
    product.weight = arguments_;
    product.weight.weight += columns.first * arguments_.stride_n;
    product.weight.columns = product.columns;
  } else {
    product.packed = data_ + products_->packed_size(product.depth, columns.first, /*gates=*/1);
    product.packed_is_cold = is_cold();
  }
  return product;
}

template <class T>
void PackedWeight<T>::keep() const {
  if (arguments_.packed != nullptr && fixed_.has_value()) {
    kept_weights().keep({*fixed_, packed_});
  }
}

template class PackedWeight<float>;
template class PackedWeight<double>;

}  // namespace masked_rnn

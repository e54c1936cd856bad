// Steps of the cells: what each is for one unit, in float64, and how the kernels are asked for it.
#pragma once

#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace masked_rnn {

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What a unit does: x[g] and product[g] of its gates, its old c and h; what it keeps for backward.
struct Unit {
  double h, c;
  std::vector<double> saved;
};

struct TanhCell {
  static constexpr int kGates = 1, kSaved = 0, kGradGates = 1;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.rnn_tanh_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.rnn_tanh_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double, double) {
    return {std::tanh(x[0] + product[0]), 0, {}};
  }
  // grad of h and c -> grad_gates; grad_h and grad_c become those of the step before.
  static std::vector<double> gradient(
      const double*, double h, double, double, double& grad_h, double&) {
    return {grad_h * (1 - h * h)};
  }
};

struct ReluCell : TanhCell {
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.rnn_relu_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.rnn_relu_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double, double) {
    return {std::max(0.0, x[0] + product[0]), 0, {}};
  }
  static std::vector<double> gradient(
      const double*, double h, double, double, double& grad_h, double&) {
    return {h > 0 ? grad_h : 0};
  }
};

struct GruCell {
  static constexpr int kGates = 3, kSaved = 4, kGradGates = 4;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.gru_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.gru_step_backward;
  }
  static Unit forward(const double* x, const double* product, double h, double, double bias) {
    const double r = sigmoid(x[0] + product[0]), z = sigmoid(x[1] + product[1]);
    const double h_n = product[2] + bias, n = std::tanh(x[2] + r * h_n);
    return {(1 - z) * n + z * h, 0, {r, z, n, h_n}};
  }
  static std::vector<double> gradient(
      const double* s, double, double h_prev, double, double& grad_h, double&) {
    const double r = s[0], z = s[1], n = s[2], h_n = s[3];
    const double grad_n = grad_h * (1 - z) * (1 - n * n);
    const std::vector<double> result{
        grad_n * h_n * r * (1 - r), grad_h * (h_prev - n) * z * (1 - z), grad_n * r, grad_n};
    grad_h *= z;
    return result;
  }
};

struct LstmCell {
  static constexpr int kGates = 4, kSaved = 5, kGradGates = 4;
  template <class T>
  static auto step(const Kernels<T>& k) {
    return k.lstm_step;
  }
  template <class T>
  static auto backward(const Kernels<T>& k) {
    return k.lstm_step_backward;
  }
  static Unit forward(const double* x, const double* product, double, double c, double) {
    const double i = sigmoid(x[0] + product[0]), f = sigmoid(x[1] + product[1]);
    const double g = std::tanh(x[2] + product[2]), o = sigmoid(x[3] + product[3]);
    const double new_c = f * c + i * g;
    return {o * std::tanh(new_c), new_c, {i, f, g, o, new_c}};
  }
  static std::vector<double> gradient(
      const double* s, double, double, double c_prev, double& grad_h, double& grad_c) {
    const double i = s[0], f = s[1], g = s[2], o = s[3], tanh_c = std::tanh(s[4]);
    const double grad = grad_c + grad_h * o * (1 - tanh_c * tanh_c);
    grad_c = grad * f;
    return {grad * g * i * (1 - i),
            grad * c_prev * f * (1 - f),
            grad * i * (1 - g * g),
            grad_h * tanh_c * o * (1 - o)};
  }
};

using TypesAndCells = testing::Types<std::pair<float, TanhCell>,
                                     std::pair<float, ReluCell>,
                                     std::pair<float, GruCell>,
                                     std::pair<float, LstmCell>,
                                     std::pair<double, TanhCell>,
                                     std::pair<double, ReluCell>,
                                     std::pair<double, GruCell>,
                                     std::pair<double, LstmCell>>;

// The units from a multiple of the packed block on, as threads that share out units compute them.
template <class T>
int64_t second_block(const Kernels<T>& k, int64_t gates, int64_t H) {
  return std::min(k.by_step.block_units(gates), H);
}

// A step of all units. The gates' rows and those of c fill their vectors.
template <class T>
StepArguments<T> step_arguments(int64_t H,
                                int64_t depth,
                                const std::vector<const T*>& h_prev,
                                const std::vector<T>& packed,
                                const std::vector<T>& gates,
                                std::vector<T>& c,
                                const std::vector<T*>& h) {
  StepArguments<T> s{};
  s.rows = static_cast<int64_t>(h.size());
  s.hidden = s.last = s.c_stride = H;
  s.depth = depth;
  s.h_prev = h_prev.data();
  s.packed = packed.data();
  s.gates = gates.data();
  s.gates_stride = static_cast<int64_t>(gates.size()) / s.rows;
  s.c = c.data();
  s.h = h.data();
  return s;
}

}  // namespace masked_rnn

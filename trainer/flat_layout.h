// Where everything lies in the flat buffers of parameters and gradients.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cohort::trainer {

/// A named tensor in a flat buffer. Offsets and sizes count floats; every entry starts at a multiple of 16 floats (64 bytes) and is padded
/// to one, so that no element falls into a vector's tail, whatever is done with the buffer as a whole.
struct FlatEntry {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset = 0;
  int64_t numel = 0;
};

/// The parameter buffer: dense parameters that weight decay applies to, dense parameters it spares, embedding tables. The gradient vector of a
/// lane lies in the same order and goes on: for each table the number of times each row was seen, then the state that forward
/// changed (running statistics, times the lane's share of the rows), then the lane's share of the loss.
class FlatLayout {
 public:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
  };
  /// Each list in name order. Matrices and larger decay; vectors (biases, normalisation) don't.
  FlatLayout(std::vector<Tensor> parameters, std::vector<Tensor> tables, std::vector<Tensor> states);

  const std::vector<FlatEntry>& parameters() const { return parameters_; }  ///< dense, in buffer order
  const std::vector<FlatEntry>& tables() const { return tables_; }          ///< [rows, dim]
  const std::vector<FlatEntry>& counts() const { return counts_; }          ///< per table, [rows]; gradient vector alone
  const std::vector<FlatEntry>& states() const { return states_; }          ///< gradient vector; in the state buffer at offset − state_begin()

  int64_t decayed() const { return decayed_; }          ///< floats of parameters that decay, from 0 on
  int64_t dense() const { return dense_; }              ///< floats of dense parameters, from 0 on
  int64_t parameter_floats() const { return values_; }  ///< dense and tables: the parameter buffer's length
  int64_t state_begin() const { return state_begin_; }
  int64_t state_floats() const { return loss_ - state_begin_; }
  int64_t loss() const { return loss_; }                    ///< where the loss stands in the gradient vector
  int64_t stop() const { return loss_ + 1; }                ///< where a rank says that it was asked to stop
  int64_t gradient_floats() const { return gradient_; }     ///< the gradient vector's length

 private:
  std::vector<FlatEntry> parameters_, tables_, counts_, states_;
  int64_t decayed_ = 0, dense_ = 0, values_ = 0, state_begin_ = 0, loss_ = 0, gradient_ = 0;
};

}  // namespace cohort::trainer

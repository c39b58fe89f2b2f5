// Where everything lies in the flat buffers of dense parameters and gradients.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cohort::trainer {

/// Floats are dealt out in lines of 16 (64 bytes): every entry, bucket and slice starts at one and is padded to one, so that no element falls into a
/// vector's tail, whatever is done with the buffer as a whole.
inline constexpr int64_t kLine = 16;

/// A named tensor in a flat buffer. Offsets and sizes count floats.
struct FlatEntry {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset = 0;
  int64_t numel = 0;
  bool decays() const { return shape.size() > 1; }  ///< matrices and larger; biases and normalisation are spared
};

/// Neighbouring floats of a flat buffer.
struct FlatRange {
  int64_t begin = 0, floats = 0;
  int64_t end() const { return begin + floats; }
  bool operator==(const FlatRange&) const = default;
};

/// The parameter buffer holds the dense parameters; embedding tables lie elsewhere. The gradient vector of a lane lies in the same order and goes on
/// with its tail: the state that forward changed (running statistics, times the lane's share of the rows), then the lane's share of the loss and what it reports.
class FlatLayout {
 public:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
  };
  /// The parameters keep their order: the one in which backward reaches them, so that a bucket is a stretch of the buffer.
  FlatLayout(std::vector<Tensor> parameters, std::vector<Tensor> states);

  const std::vector<FlatEntry>& parameters() const { return parameters_; }
  const std::vector<FlatEntry>& states() const { return states_; }  ///< gradient vector; in the state buffer at offset − state_begin()

  int64_t parameter_floats() const { return values_; }  ///< the parameter buffer's length
  int64_t state_begin() const { return values_; }
  int64_t state_floats() const { return loss_ - values_; }
  int64_t loss() const { return loss_; }                 ///< where the loss stands in the gradient vector
  int64_t stop() const { return loss_ + 1; }             ///< where a rank says that it was asked to stop
  int64_t overflow() const { return loss_ + 2; }         ///< where a lane says that its gradient was not finite
  int64_t gradient_floats() const { return gradient_; }  ///< the gradient vector's length
  FlatRange tail() const { return {values_, gradient_ - values_}; }

  /// The stretch of a parameter with its padding.
  FlatRange stretch(std::size_t parameter) const;

 private:
  std::vector<FlatEntry> parameters_, states_;
  int64_t values_ = 0, loss_ = 0, gradient_ = 0;
};

}  // namespace cohort::trainer

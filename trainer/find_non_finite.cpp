#include "trainer/find_non_finite.h"

#include <cmath>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ATen/record_function.h>

#include "models/block_scoring.h"

namespace cohort::trainer {
namespace {

/// Of the first value that isn't finite: its place, counted through the tensor, and its name.
struct NotFinite {
  int64_t at = 0;
  const char* name = "";
};

std::optional<NotFinite> first_not_finite(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_cpu() || tensor.layout() != at::kStrided || !at::isFloatingType(tensor.scalar_type())) return std::nullopt;
  const at::Tensor values = tensor.detach().to(at::kFloat).contiguous();
  const float* const data = values.const_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i)
    if (!std::isfinite(data[i])) return NotFinite{i, std::isnan(data[i]) ? "nan" : "inf"};
  return std::nullopt;
}

/// Whether an operator gives memory as it is: what happens to lie there is nobody's result.
bool gives_raw_memory(std::string_view name) { return name.starts_with("aten::empty") || name.starts_with("aten::new_empty") || name.starts_with("aten::resize"); }

/// What operators gave while it lives, on this thread: of each kind the first.
class OperatorWatch {
 public:
  OperatorWatch() {
    seen() = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~OperatorWatch() {
    at::removeCallback(handle_);
    seen() = nullptr;
  }
  OperatorWatch(const OperatorWatch&) = delete;
  OperatorWatch& operator=(const OperatorWatch&) = delete;

  /// An infinity may be meant (a mask); it is named where nothing that isn't a number follows, too.
  std::string text() const { return infinite_.empty() || infinite_ == nan_ ? nan_ : nan_.empty() ? infinite_ : infinite_ + ", then " + nan_; }

 private:
  // libtorch calls plain functions: this is how they find the object, which lives on the same thread.
  static OperatorWatch*& seen() {
    static thread_local OperatorWatch* watch = nullptr;
    return watch;
  }
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) {
    if (seen() != nullptr) ++seen()->depth_;
    return nullptr;
  }
  // Operators that another one calls are left alone: they see its memory before it is filled.
  static void end(const at::RecordFunction& function, at::ObserverContext*) {
    if (seen() != nullptr && --seen()->depth_ == 0) seen()->look(function);
  }
  void look(const at::RecordFunction& function) {
    if (looking_ || !nan_.empty() || gives_raw_memory(function.name())) return;
    looking_ = true;  // what is called here is no part of the net
    for (const c10::IValue& output : function.outputs()) {
      if (!output.isTensor()) continue;
      const auto found = first_not_finite(output.toTensor());
      if (!found) continue;
      std::string& kept = found->name == std::string("nan") ? nan_ : infinite_;
      if (kept.empty()) kept = fmt::format("{} gave {}, in a tensor of shape [{}]", function.name(), found->name, fmt::join(output.toTensor().sizes(), ", "));
    }
    looking_ = false;
  }

  at::CallbackHandle handle_;
  int depth_ = 0;
  bool looking_ = false;
  std::string infinite_, nan_;
};

/// The first parameter, as backward reaches them, whose gradient isn't finite.
class FirstBadGradient final : public GradientSink {
 public:
  explicit FirstBadGradient(const FlatLayout& layout) : layout_(layout) {}
  void put(std::size_t parameter, const at::Tensor& gradient) override {
    if (text_.empty() && first_not_finite(gradient)) text_ = fmt::format("the gradient of '{}'", layout_.parameters()[parameter].name);
  }
  const std::string& text() const { return text_; }

 private:
  const FlatLayout& layout_;
  std::string text_;
};

std::string find_in_inputs(const Replica& replica, const ModelState& state, const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded) {
  if (const auto found = first_not_finite(models::dense_view(rows, replica.dense_width)))
    return fmt::format("input column {} of dataset row {}", found->at % replica.dense_width, rows.row_ids[static_cast<std::size_t>(found->at / replica.dense_width)]);
  for (std::size_t t = 0; t < embedded.size(); ++t)
    if (const auto found = first_not_finite(embedded[t]))
      return fmt::format("the vector of dataset row {} from table '{}'", rows.row_ids[static_cast<std::size_t>(found->at / state.specs()[t].dim)], state.specs()[t].name);
  for (std::size_t p = 0; p < replica.parameters.size(); ++p)
    if (first_not_finite(replica.parameters[p])) return fmt::format("the parameter '{}'", state.layout().parameters()[p].name);
  return "";
}

}  // namespace

std::string find_non_finite(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane, const datasets::RowBatch& rows,
                            const std::vector<at::Tensor>& embedded) {
  if (rows.rows == 0) return "";
  std::string input = find_in_inputs(replica, state, rows, embedded);
  if (!input.empty()) return fmt::format("{} (lane {})", input, lane);
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& leaf : embedded) leaves.push_back(leaf.detach().requires_grad_(true));
  FirstBadGradient gradients(state.layout());
  OperatorWatch operators;
  lane_gradients(replica, state, objective, step, lane, rows, leaves, gradients);
  std::string text = operators.text();
  if (!gradients.text().empty()) text += (text.empty() ? "" : "; ") + gradients.text();
  for (std::size_t t = 0; text.empty() && t < leaves.size(); ++t)
    if (first_not_finite(leaves[t].grad())) text = fmt::format("the gradient of table '{}'", state.specs()[t].name);
  return text.empty() ? "" : fmt::format("{} (lane {})", text, lane);
}

}  // namespace cohort::trainer

// What a model is: ordinary libtorch code plus a name.
//
// A net declares the embedding tables it wants and takes a Batch: dense features and, for each table, the vectors that the trainer
// has fetched for it. It knows no rank, device choice, file or config; random numbers come only from the handle passed to forward.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "core/options.h"
#include "datasets/features/features.h"
#include "models/random.h"

namespace cohort::models {

/// What the fitted features look like to a net.
struct Layout {
  int64_t dense_width = 0;  ///< F
  struct Categorical {
    std::string column;
    int64_t cardinality = 0;  ///< indices 0 … cardinality−1 (0 unknown, 1 missing)
  };
  std::vector<Categorical> categorical;  ///< C of them
  struct Sequence {
    std::string column;
    int64_t cardinality = 0;  ///< of categorical elements, the mask included; 0 where elements are numbers or times
  };
  std::vector<Sequence> sequences;
};
Layout layout_of(const datasets::FittedFeatures& features);

/// How the vectors of a row's ids become one.
enum class Pooling {
  kNone,  ///< a categorical feature: one id a row
  kSum,   ///< a sequence feature: a bag of ids; an empty bag gives zeros
  kMean,
};

/// An embedding table a net wants: one vector a row of the batch, looked up by a feature's index or indices.
struct TableSpec {
  std::string name;     ///< unique within the net; its values are stored as `tables.<name>`
  int64_t feature = 0;  ///< position in Layout::categorical, or in Layout::sequences where vectors are pooled
  int64_t rows = 0;
  int64_t dim = 0;
  double init_std = 0.05;  ///< entries start normal with this deviation
  Pooling pooling = Pooling::kNone;
};

struct Batch {
  at::Tensor dense;                   ///< [B, F] float32
  std::vector<at::Tensor> embedded;   ///< per table, in the order declared: [B, dim] float32, leaves that require gradients
};

/// Named outputs; every objective says which it reads. "logit" is [B, K].
using Outputs = std::map<std::string, at::Tensor>;

class Net : public torch::nn::Module {
 public:
  virtual Outputs forward(const Batch& batch, Random& random) = 0;
};

/// A registered model.
struct ModelType {
  std::string help;
  const core::Schema* options = nullptr;
  std::function<std::vector<TableSpec>(const void* options, const Layout& layout)> tables;
  /// `outputs` is K, the number of values the objective needs a row.
  std::function<std::shared_ptr<Net>(const void* options, const Layout& layout, int64_t outputs)> make;
  std::string fitter = "gradient";
};

/// Adds a model under a name. A program of one's own calls it before cohort::main(). Throws Error (usage) when the name is taken.
void register_model(const std::string& name, ModelType type);

/// NetType has `struct Options` with describe(), `static std::vector<TableSpec> tables(const Options&, const Layout&)` and a
/// constructor (const Options&, const Layout&, int64_t outputs).
template <class NetType>
void register_model(const std::string& name, const std::string& help) {
  using Options = typename NetType::Options;
  register_model(name, ModelType{
      help, &core::Schema::of<Options>(),
      [](const void* o, const Layout& l) { return NetType::tables(*static_cast<const Options*>(o), l); },
      [](const void* o, const Layout& l, int64_t k) -> std::shared_ptr<Net> {
        return std::make_shared<NetType>(*static_cast<const Options*>(o), l, k);
      }});
}

const ModelType& model_type(const std::string& name);  ///< throws Error (usage) with "did you mean"
const core::Alternatives& model_alternatives();        ///< for the `[model]` table

/// The built-in models: mlp, resmlp, dlrm. Called once by cohort::main().
void register_builtin_models();

}  // namespace cohort::models

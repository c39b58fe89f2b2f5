// DLRM (Naumov et al. 2019, "Deep learning recommendation model for personalization and recommendation systems"): a bottom perceptron makes one more
// vector of the dense features, all vectors of a row meet in pairs, and a top perceptron reads the dots beside the bottom's vector.
#include "core/error.h"
#include "models/nets/builtin.h"
#include "models/nets/blocks.h"
#include "models/nets/interaction.h"

namespace cohort::models {
namespace {

/// Linear layers, each with normalisation and a non-linearity.
class PerceptronImpl : public torch::nn::Module {
 public:
  struct Style {
    std::string activation, norm;
    double dropout = 0;
  };

  PerceptronImpl(int64_t inputs, const std::vector<int64_t>& widths, Style style) : style_(std::move(style)) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string k = std::to_string(i);
      linear_.push_back(register_module("linear" + k, torch::nn::Linear(inputs, widths[i])));
      norm_.push_back(register_module("norm" + k, Norm(style_.norm, widths[i])));
      inputs = widths[i];
    }
  }

  at::Tensor forward(at::Tensor x, Random& random) {
    for (std::size_t i = 0; i < linear_.size(); ++i) x = random.dropout(activated(linear_[i], norm_[i], style_.activation, x), style_.dropout);
    return x;
  }

 private:
  Style style_;
  std::vector<torch::nn::Linear> linear_;
  std::vector<Norm> norm_;
};
TORCH_MODULE(Perceptron);

class Dlrm : public Net {
 public:
  struct Options {
    int64_t embedding_dim = 16;
    double embedding_std = 0.05;
    std::vector<int64_t> bottom = {512, 256};
    std::vector<int64_t> top = {512, 256};
    std::string activation = "relu";
    std::string norm = "none";
    double dropout = 0;

    static void describe(core::Describe<Options>& d) {
      d.field("embedding_dim", &Options::embedding_dim, "width of all embeddings and of the bottom's vector").min(1).max(4096);
      d.field("embedding_std", &Options::embedding_std, "standard deviation of embeddings at the start").min(0).max(10);
      d.field("bottom", &Options::bottom, "hidden widths of the perceptron over dense features; a last layer to embedding_dim follows").min(1).max(65536);
      d.field("top", &Options::top, "hidden widths of the perceptron over the interaction").min(1).max(65536);
      d.field("activation", &Options::activation, "non-linearity after each layer but the last of all").one_of(activation_names());
      d.field("norm", &Options::norm, "normalisation before each non-linearity").one_of({"none", "layer", "batch"});
      d.field("dropout", &Options::dropout, "share of the top's hidden units dropped in training").min(0).below(1);
    }
  };

  static std::vector<TableSpec> tables(const Options& options, const Layout& layout) {
    if (layout.categorical.empty())
      throw core::usage_error("the model 'dlrm' needs categorical features, and there are none",
                              "add [[features.categorical]], or use the model 'mlp' for dense features alone");
    if (layout.dense_width == 0 && layout.categorical.size() == 1)
      throw core::usage_error("the model 'dlrm' has nothing to pair with its only feature, '" + layout.categorical[0].column + "'",
                              "add dense or more categorical features, or use the model 'mlp'");
    std::vector<TableSpec> tables = one_table_a_feature(layout, options.embedding_dim);
    for (TableSpec& table : tables) table.init_std = options.embedding_std;
    return tables;
  }

  Dlrm(const Options& options, const Layout& layout, int64_t outputs) : dense_(layout.dense_width > 0) {
    auto vectors = static_cast<int64_t>(tables(options, layout).size());
    if (dense_) {
      std::vector<int64_t> widths = options.bottom;
      widths.push_back(options.embedding_dim);
      bottom_ = register_module("bottom", Perceptron(layout.dense_width, widths, PerceptronImpl::Style{options.activation, options.norm, 0}));
      ++vectors;
    }
    const int64_t width = (dense_ ? options.embedding_dim : 0) + vectors * (vectors - 1) / 2;
    top_ = register_module("top", Perceptron(width, options.top, PerceptronImpl::Style{options.activation, options.norm, options.dropout}));
    head_ = register_module("head", torch::nn::Linear(options.top.empty() ? width : options.top.back(), outputs));
  }

  Outputs forward(const Batch& batch, Random& random) override {
    std::vector<at::Tensor> vectors;
    vectors.reserve(batch.embedded.size() + 1);
    if (dense_) vectors.push_back(bottom_->forward(batch.dense, random));
    vectors.insert(vectors.end(), batch.embedded.begin(), batch.embedded.end());
    return {{"logit", head_->forward(top_->forward(interaction(vectors, dense_), random))}};
  }

 private:
  bool dense_;
  Perceptron bottom_{nullptr}, top_{nullptr};
  torch::nn::Linear head_{nullptr};
};

}  // namespace

void register_dlrm() { register_model<Dlrm>("dlrm", "deep learning recommendation model: embeddings and dense features meet in pairs"); }

}  // namespace cohort::models

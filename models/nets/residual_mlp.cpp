// A residual multi-layer perceptron (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", § 3.2): blocks
// x + dropout(linear(dropout(activation(linear(norm(x)))))).
#include "models/nets/builtin.h"
#include "models/nets/blocks.h"

namespace cohort::models {
namespace {

class ResidualMlp : public Net {
 public:
  struct Options {
    int64_t width = 128;
    int64_t blocks = 2;
    double hidden_factor = 2;
    std::string activation = "relu";
    std::string norm = "layer";
    double dropout = 0.1;
    double residual_dropout = 0;
    int64_t embedding_dim = 0;

    static void describe(core::Describe<Options>& d) {
      d.field("width", &Options::width, "width of the residual stream").min(1).max(65536);
      d.field("blocks", &Options::blocks, "number of residual blocks").min(1).max(1000);
      d.field("hidden_factor", &Options::hidden_factor, "width inside a block as a multiple of `width`").above(0).max(64);
      d.field("activation", &Options::activation, "non-linearity").one_of(activation_names());
      d.field("norm", &Options::norm, "normalisation at the start of each block").one_of({"none", "layer", "batch"});
      d.field("dropout", &Options::dropout, "share of units dropped inside a block").min(0).below(1);
      d.field("residual_dropout", &Options::residual_dropout, "share of a block's output dropped").min(0).below(1);
      d.field("embedding_dim", &Options::embedding_dim, "width of each embedding; 0 chooses by the number of values").min(0).max(4096);
    }
  };

  static std::vector<TableSpec> tables(const Options& options, const Layout& layout) {
    return one_table_a_feature(layout, options.embedding_dim);
  }

  ResidualMlp(const Options& options, const Layout& layout, int64_t outputs) : options_(options) {
    const auto inner = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(options.width) * options.hidden_factor));
    first_ = register_module("first", torch::nn::Linear(input_width(layout, tables(options, layout)), options.width));
    for (int64_t i = 0; i < options.blocks; ++i) {
      const std::string k = std::to_string(i);
      blocks_.push_back({register_module("block" + k + "_norm", Norm(options.norm, options.width)),
                         register_module("block" + k + "_in", torch::nn::Linear(options.width, inner)),
                         register_module("block" + k + "_out", torch::nn::Linear(inner, options.width))});
    }
    last_norm_ = register_module("last_norm", Norm(options.norm, options.width));
    head_ = register_module("head", torch::nn::Linear(options.width, outputs));
  }

  Outputs forward(const Batch& batch, Random& random) override {
    at::Tensor x = first_->forward(join_inputs(batch));
    for (Block& block : blocks_) {
      at::Tensor y = random.dropout(activate(options_.activation, block.in->forward(block.norm->forward(x))), options_.dropout);
      x = x + random.dropout(block.out->forward(y), options_.residual_dropout);
    }
    return {{"logit", head_->forward(activate(options_.activation, last_norm_->forward(x)))}};
  }

 private:
  struct Block {
    Norm norm;
    torch::nn::Linear in, out;
  };
  Options options_;
  torch::nn::Linear first_{nullptr};
  std::vector<Block> blocks_;
  Norm last_norm_{nullptr};
  torch::nn::Linear head_{nullptr};
};

}  // namespace

void register_residual_mlp() {
  register_model<ResidualMlp>("resmlp", "residual multi-layer perceptron over dense features and embeddings");
}

}  // namespace cohort::models

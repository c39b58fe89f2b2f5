// A multi-layer perceptron over dense features and embeddings.
#include "models/nets/builtin.h"
#include "models/nets/blocks.h"

namespace cohort::models {
namespace {

class Mlp : public Net {
 public:
  struct Options {
    std::vector<int64_t> hidden = {256, 128};
    std::string activation = "relu";
    std::string norm = "none";
    double dropout = 0;
    double input_dropout = 0;
    int64_t embedding_dim = 0;
    std::string pooling = "none";

    static void describe(core::Describe<Options>& d) {
      d.field("hidden", &Options::hidden, "width of each hidden layer, from the input on").min(1).max(65536).non_empty();
      d.field("activation", &Options::activation, "non-linearity after each hidden layer").one_of(activation_names());
      d.field("norm", &Options::norm, "normalisation before each non-linearity").one_of({"none", "layer", "batch"});
      d.field("dropout", &Options::dropout, "share of hidden units dropped in training").min(0).below(1);
      d.field("input_dropout", &Options::input_dropout, "share of inputs dropped in training").min(0).below(1);
      d.field("embedding_dim", &Options::embedding_dim, "width of each embedding; 0 chooses by the number of values").min(0).max(4096);
      d.field("pooling", &Options::pooling, "how sequences of categorical elements become an input: the sum or mean of their embeddings, or none of it").one_of({"none", "sum", "mean"});
    }
  };

  static std::vector<TableSpec> tables(const Options& options, const Layout& layout) {
    return one_table_a_feature(layout, options.embedding_dim, options.pooling);
  }

  Mlp(const Options& options, const Layout& layout, int64_t outputs) : options_(options) {
    int64_t width = input_width(layout, tables(options, layout));
    for (std::size_t i = 0; i < options.hidden.size(); ++i) {
      const std::string k = std::to_string(i);
      linear_.push_back(register_module("linear" + k, torch::nn::Linear(width, options.hidden[i])));
      norm_.push_back(register_module("norm" + k, Norm(options.norm, options.hidden[i])));
      width = options.hidden[i];
    }
    head_ = register_module("head", torch::nn::Linear(width, outputs));
  }

  Outputs forward(const Batch& batch, Random& random) override {
    at::Tensor x = random.dropout(join_inputs(batch), options_.input_dropout);
    for (std::size_t i = 0; i < linear_.size(); ++i)
      x = random.dropout(activated(linear_[i], norm_[i], options_.activation, x), options_.dropout);
    return {{"logit", head_->forward(x)}};
  }

 private:
  Options options_;
  std::vector<torch::nn::Linear> linear_;
  std::vector<Norm> norm_;
  torch::nn::Linear head_{nullptr};
};

}  // namespace

void register_mlp() { register_model<Mlp>("mlp", "multi-layer perceptron over dense features, embeddings and pooled sequences"); }

}  // namespace cohort::models

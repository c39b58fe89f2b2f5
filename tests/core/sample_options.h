// Options with a field of every kind, for the tests of reading, writing and describing them.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace cohort::core::sample {

struct Plain {
  std::vector<int64_t> hidden = {128, 64};
  double dropout = 0.1;
  static void describe(Describe<Plain>& d) {
    d.field("hidden", &Plain::hidden, "widths of the hidden layers").min(1).non_empty();
    d.field("dropout", &Plain::dropout, "share of dropped units").min(0).below(1);
  }
};

struct Residual {
  int64_t blocks = 2;
  std::string norm = "layer";
  static void describe(Describe<Residual>& d) {
    d.field("blocks", &Residual::blocks, "residual blocks").min(1).max(64);
    d.field("norm", &Residual::norm, "normalisation").one_of({"layer", "batch", "none"});
  }
};

inline const Alternatives& nets() {
  static const Alternatives alternatives = {{"plain", {&Schema::of<Plain>(), "a plain net"}},
                                            {"residual", {&Schema::of<Residual>(), "a residual net"}}};
  return alternatives;
}

struct Data {
  std::string path;
  std::optional<int64_t> fold;
  std::vector<std::string> columns;
  static void describe(Describe<Data>& d) {
    d.field("path", &Data::path, "the dataset's folder").required().non_empty();
    d.field("fold", &Data::fold, "test fold").min(0);
    d.field("columns", &Data::columns, "columns to use; empty for all").unique();
  }
};

struct Train {
  int64_t epochs = 20;
  int64_t lanes = 8;
  double rate = 1e-3;
  double limit = std::numeric_limits<double>::infinity();
  std::string determinism = "elastic";
  bool shuffle = true;
  int32_t small = 1;
  double timeout = 30;
  std::optional<std::string> note;
  std::vector<double> betas = {0.9, 0.999};
  std::vector<bool> flags;
  static void describe(Describe<Train>& d) {
    d.field("epochs", &Train::epochs, "passes over the training split").min(1).unit("epochs");
    d.field("lanes", &Train::lanes, "parts of a global batch").min(1).max(1024);
    d.field("rate", &Train::rate, "learning rate").above(0).max(1);
    d.field("limit", &Train::limit, "largest norm of a gradient").above(0).allow_non_finite();
    d.field("determinism", &Train::determinism, "promise of equal bits").one_of({"elastic", "fast"});
    d.field("shuffle", &Train::shuffle, "whether rows are shuffled");
    d.field("small", &Train::small, "a narrow integer");
    d.field("timeout", &Train::timeout, "time before a rank counts as dead").above(0).unit("seconds");
    d.field("note", &Train::note, "a remark");
    d.field("betas", &Train::betas, "decay of the moments").min(0).below(1);
    d.field("flags", &Train::flags, "switches");
    d.rule("lanes", [](const Train& t) { return (t.lanes & (t.lanes - 1)) == 0 ? "" : "train.lanes must be a power of two"; },
           "use 1, 2, 4, 8, …");
  }
};

struct Rule {
  std::vector<std::string> columns = {"*"};
  int64_t bins = 32;
  static void describe(Describe<Rule>& d) {
    d.field("columns", &Rule::columns, "columns the rule is for").non_empty();
    d.field("bins", &Rule::bins, "number of bins").min(2);
  }
};

struct Segment {
  std::string column;
  static void describe(Describe<Segment>& d) { d.field("column", &Segment::column, "column that divides the rows").required(); }
};

struct Early {
  int64_t patience = 5;
  static void describe(Describe<Early>& d) { d.field("patience", &Early::patience, "epochs without progress").min(1); }
};

struct Experiment {
  int64_t seed = 0;
  std::string name = "run";
  Data data;
  Train train;
  std::vector<Rule> rules;
  std::map<std::string, Segment> segments;
  std::optional<Early> early;
  Choice model;
  Choice head{"residual", &Schema::of<Residual>(), std::make_shared<Residual>()};
  static void describe(Describe<Experiment>& d) {
    d.field("seed", &Experiment::seed, "key of all random numbers").min(0);
    d.field("name", &Experiment::name, "name of the experiment").non_empty();
    d.table("data", &Experiment::data, "the rows");
    d.table("train", &Experiment::train, "how the net is trained");
    d.tables("rules", &Experiment::rules, "rules for columns");
    d.named_tables("segments", &Experiment::segments, "subgroups of rows");
    d.table("early", &Experiment::early, "early stopping");
    d.choice("model", &Experiment::model, nets, "the net").required();
    d.choice("head", &Experiment::head, nets, "the head");
  }
};

/// What every experiment must say.
inline const std::string kBase = R"([data]
path = "d"
[model]
name = "plain"
)";

inline Experiment read_experiment(const std::string& toml) {
  const TomlDocument document = TomlDocument::parse(toml, "exp.toml");
  Diagnostics diagnostics(document);
  auto experiment = read_options<Experiment>(document, diagnostics);
  diagnostics.throw_if_errors();
  return experiment;
}

/// All mistakes in the text, as a user sees them.
inline std::string mistakes(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  TomlDocument document = TomlDocument::parse(toml, "exp.toml");
  for (const std::string& assignment : overrides) document.set(assignment);
  Diagnostics diagnostics(document);
  read_options<Experiment>(document, diagnostics);
  return diagnostics.text();
}

}  // namespace cohort::core::sample

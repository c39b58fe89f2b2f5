#include "datasets/loader/loader_options.h"

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

/// What is wrong with drawing rows by this column, and what to do; nothing where it is right.
std::pair<std::string, std::string> sampling_problem(const LoaderOptions& options, const Column& column) {
  const std::string name = "\"" + column.name + "\"", kind = name + " is of kind " + to_string(column.kind);
  if (options.sampling == "weighted") {
    if (column.kind == Kind::kWeight || column.kind == Kind::kDense) return {};
    return {kind + ", and rows are weighted by a dense or weight column", "name another column"};
  }
  if (column.kind != Kind::kLabel && column.kind != Kind::kCategorical) return {kind + ", and classes come from a label or categorical column", "name another column"};
  const std::size_t classes = sampled_classes(column);
  if (classes == 0) return {name + " has no classes", "name a label or categorical column with some"};
  if (classes > kMostSampledClasses) return {fmt::format("{} has {} classes, more than {}", name, classes, kMostSampledClasses), "name a column of fewer"};
  return {};
}

}  // namespace

void SequenceOptions::describe(core::Describe<SequenceOptions>& d) {
  using O = SequenceOptions;
  d.field("crop", &O::crop, "training sees a stretch of that many successive elements, another one each epoch; 0 takes the last ones").min(0).max(65535).unit("elements");
  d.field("task", &O::task, "what is predicted. next: at each place the element after it; masked: elements that a mask hides").one_of({"none", "next", "masked"});
  d.field("target", &O::target, "the sequence column that is predicted; empty takes the only one of categorical elements");
  d.field("mask", &O::mask, "probability that a place is masked; at least one of each row is").above(0).max(1);
}

void LoaderOptions::describe(core::Describe<LoaderOptions>& d) {
  using O = LoaderOptions;
  d.field("memory_mib", &O::memory_mib, "bound of what the loader of each rank keeps in memory").min(0).max(1 << 24).unit("MiB");
  d.field("spill", &O::spill, "folder for transformed rows beyond that; empty takes $TMPDIR, else /var/tmp");
  d.field("prefetch", &O::prefetch, "steps held ready ahead of the trainer").min(1).max(1024).unit("steps");
  d.field("threads", &O::threads, "threads that read and transform rows; no part of the result").min(1).max(1024).unit("threads");
  d.field("shuffle", &O::shuffle, "full: any row may come at any place; block: rows of block_chunks chunks a lane are mixed at a time, for data far larger "
                                  "than memory; part of the result").one_of({"full", "block"});
  d.field("block_chunks", &O::block_chunks, "chunks of rows that each lane mixes at a time with block shuffle; part of the result").min(1).max(1 << 20).unit("chunks");
  d.field("sampling", &O::sampling, "all: every training row once an epoch; weighted: as many rows, drawn with replacement by a column of weights; "
                                    "stratified: each batch holds fixed shares of the classes; part of the result").one_of({"all", "weighted", "stratified"});
  d.field("sampling_column", &O::sampling_column, "weighted: a dense or weight column; stratified: a label or categorical column, empty takes the label");
  d.field("shares", &O::shares, "stratified: share of each class of a batch, in the order of the classes; empty makes them equal");
  d.table("sequences", &O::sequences, "what training sees of sequences");
  d.rule("sampling", [](const O& o) -> std::string {
    return o.sampling != "all" && o.shuffle == "block" ? "rows that are drawn come from anywhere, so there is no block shuffle of them" : "";
  }, "set loader.shuffle = \"full\", or loader.sampling = \"all\"");
  d.rule("sampling_column", [](const O& o) -> std::string {
    if (o.sampling == "weighted" && o.sampling_column.empty()) return "weighted sampling needs a column of weights";
    return o.sampling == "all" && !o.sampling_column.empty() ? "sampling = \"all\" draws by no column" : "";
  }, "name the column, or take it out");
  d.rule("shares", [](const O& o) -> std::string {
    double sum = 0;
    for (const double share : o.shares) {
      if (!(share >= 0)) return "a share must be 0 or more";
      sum += share;
    }
    if (!o.shares.empty() && o.sampling != "stratified") return "shares belong to stratified sampling";
    return !o.shares.empty() && (sum < 0.999 || sum > 1.001) ? "the shares must add up to 1" : "";
  });
}

std::size_t sampled_classes(const Column& column) {
  return column.kind == Kind::kLabel ? column.classes.size() : column.kind == Kind::kCategorical ? column.dictionary.size() : 0;
}

void check_loader(const LoaderOptions& options, const Schema& schema, const std::string& label, const std::string& path, core::Diagnostics& diagnostics) {
  if (options.sampling == "all") return;
  const bool own = !options.sampling_column.empty();
  const std::string& name = own ? options.sampling_column : label;
  const std::string place = path + (own ? ".sampling_column" : ".sampling");
  const Column* column = schema.find(name);
  if (column == nullptr) {
    const std::string guess = core::did_you_mean(name, schema.names());
    return diagnostics.error(place, fmt::format("the dataset has no column \"{}\"", name),
                             guess.empty() ? "`cohort inspect` lists the columns" : fmt::format("did you mean \"{}\"?", guess));
  }
  if (const auto [problem, remedy] = sampling_problem(options, *column); !problem.empty()) return diagnostics.error(place, problem, remedy);
  if (options.sampling == "stratified" && !options.shares.empty() && options.shares.size() != sampled_classes(*column)) {
    diagnostics.error(path + ".shares", fmt::format("there are {} shares, and \"{}\" has {} classes", options.shares.size(), name, sampled_classes(*column)),
                      "give one for each class");
  }
}

}  // namespace cohort::datasets

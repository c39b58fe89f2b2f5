#include "datasets/split/split.h"

namespace cohort::datasets {

void SplitOptions::describe(core::Describe<SplitOptions>& d) {
  d.field("method", &SplitOptions::method, "how rows come to their parts").one_of({"hash", "stratified", "time", "column", "parts", "folds"});
  d.field("valid", &SplitOptions::valid, "share of the validation part; with folds, of the rows outside the test fold").min(0).below(1);
  d.field("test", &SplitOptions::test, "share of the test part (hash, stratified, time)").min(0).below(1);
  d.field("column", &SplitOptions::column, "hash: the id whose rows stay together; time: the time; column: holds each row's part");
  d.field("train_value", &SplitOptions::train_value, "name of the training part (column, parts)").non_empty();
  d.field("valid_value", &SplitOptions::valid_value, "name of the validation part; empty draws `valid` of the training rows (column, parts)");
  d.field("test_value", &SplitOptions::test_value, "name of the test part; empty for none (column, parts)");
  d.field("folds", &SplitOptions::folds, "number of folds, of which data.fold is the test part; 0 for none (hash, stratified)").min(0).max(1000);
  d.field("fold_file", &SplitOptions::fold_file, "CSV file `row,fold`, also compressed (folds)");
  d.field("valid_file", &SplitOptions::valid_file, "CSV file `row,mask`: bit f is set where the row is in fold f's validation part (folds)");
  d.rule("valid", [](const SplitOptions& o) -> std::string {
    const bool shares = o.method == "hash" || o.method == "stratified" || o.method == "time";
    return shares && o.folds == 0 && o.valid + o.test >= 1 ? "split.valid and split.test leave nothing to train on" : "";
  }, "make their sum less than 1");
  d.rule("folds", [](const SplitOptions& o) -> std::string { return o.folds == 1 ? "one fold leaves nothing to train on" : ""; },
         "take 2 or more, or 0 for none");
  d.rule("column", [](const SplitOptions& o) -> std::string {
    const bool needed = o.method == "hash" || o.method == "time" || o.method == "column";
    return needed && o.column.empty() ? "method \"" + o.method + "\" needs split.column" : "";
  }, "name the column");
  d.rule("fold_file", [](const SplitOptions& o) -> std::string {
    return o.method == "folds" && o.fold_file.empty() ? "method \"folds\" needs split.fold_file" : "";
  }, "name a CSV file row,fold");
}

}  // namespace cohort::datasets

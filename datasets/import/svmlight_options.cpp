#include "datasets/import/svmlight_options.h"

namespace cohort::datasets {

void SvmlightOptions::describe(core::Describe<SvmlightOptions>& d) {
  const auto at = []<class Member>(Member ImportOptions::* member) { return static_cast<Member SvmlightOptions::*>(member); };
  d.field("label", &SvmlightOptions::label,
          "what a line begins with: a number, one of `classes`, or a list of whole numbers with commas (several labels a row)")
      .one_of({"number", "classes", "sequence"});
  d.field("classes", &SvmlightOptions::classes, "the texts of class 0, 1, …: [\"-1\", \"+1\"]; numbers that are equal are the same class")
      .unique();
  d.field("qid", &SvmlightOptions::qid,
          "the query of a row, for ranking: an id, a category, or none; auto: an id where the first line has one")
      .one_of({"auto", "none", "id", "categorical"});
  d.field("zero_based", &SvmlightOptions::zero_based,
          "whether features count from 0, \"true\" or \"false\"; auto: from 0 where feature 0 occurs")
      .one_of({"auto", "true", "false"});
  d.field("layout", &SvmlightOptions::layout,
          "sparse: two sequences, `indices` and `values`; dense: a column a feature, f1, f2, … (or f0, …)")
      .one_of({"sparse", "dense"});
  d.field("features", &SvmlightOptions::features, "how many features there are, at most; 0: as many as are found").min(0);
  d.field("min_count", &SvmlightOptions::min_count, "sparse: a feature that stands in fewer rows is rare: its index is missing")
      .min(1)
      .unit("rows");
  d.field("on_error", at(&ImportOptions::on_error),
          "a line that can't be read: fail ends the import, drop leaves it out; missing takes a value that is no number for missing, and "
          "leaves out other such lines")
      .one_of({"fail", "drop", "missing"});
  d.tables("inputs", at(&ImportOptions::inputs), "input files by part, where the command line names none");
  d.table("store", at(&ImportOptions::store), "how the dataset is written");
  d.rule(
      "classes",
      [](const SvmlightOptions& o) -> std::string {
        if (o.label != "classes") return o.classes.empty() ? "" : "only label = \"classes\" has classes";
        return o.classes.size() < 2 ? "a label of classes needs at least two" : "";
      },
      "classes = [\"-1\", \"+1\"]");
  d.rule("min_count", [](const SvmlightOptions& o) -> std::string {
    return o.layout == "dense" && o.min_count > 1 ? "only a sparse layout has rare features" : "";
  });
}

}  // namespace cohort::datasets

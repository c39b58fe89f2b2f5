#include <cmath>
#include <string>

#include "datasets/privacy/generalise.h"

namespace cohort::datasets {
namespace {

int ways_given(const GeneraliseOptions& o) {
  return (o.bands.empty() ? 0 : 1) + (o.band ? 1 : 0) + (o.prefix ? 1 : 0) + (o.date.empty() ? 0 : 1) + (o.round ? 1 : 0);
}

std::string bands_problem(const GeneraliseOptions& o) {
  for (std::size_t i = 0; i + 1 < o.bands.size(); ++i) {
    if (!(o.bands[i] < o.bands[i + 1])) return "the bounds of bands ascend";
  }
  return {};
}

std::string step_problem(const std::optional<double>& step) {
  return step && !DecimalStep::fits(*step) ? "a step has at most nine decimals and is below 2^53" : "";
}

}  // namespace

void GeneraliseOptions::describe(core::Describe<GeneraliseOptions>& d) {
  d.field("bands", &GeneraliseOptions::bands,
          "numbers become bands between these ascending bounds: [18, 25] gives (-inf,18) [18,25) [25,inf)");
  d.field("band", &GeneraliseOptions::band, "numbers become bands of this width: 10 gives … [20,30) …").above(0);
  d.field("prefix", &GeneraliseOptions::prefix, "keeps the first characters of a code").min(1).unit("characters");
  d.field("date", &GeneraliseOptions::date, "dates become periods; a time column stores the first second")
      .one_of({"", "day", "month", "quarter", "year"});
  d.field("round", &GeneraliseOptions::round, "numbers become the nearest multiple of this").above(0);
  d.rule("bands", [](const GeneraliseOptions& o) -> std::string {
    const int ways = ways_given(o);
    if (ways == 0) return "nothing says how the column is generalised";
    return ways > 1 ? "a column is generalised in one way" : "";
  }, "give exactly one of bands, band, prefix, date and round");
  d.rule("bands", bands_problem);
  d.rule("band", [](const GeneraliseOptions& o) { return step_problem(o.band); });
  d.rule("round", [](const GeneraliseOptions& o) { return step_problem(o.round); });
}

std::string generalise_problem(const GeneraliseOptions& options, Kind kind) {
  const std::string kept = "; a column of kind " + to_string(kind) + " can't hold them";
  const bool category = kind == Kind::kCategorical;
  if (!options.bands.empty() || options.band) return category ? "" : "bands are text for kind categorical" + kept;
  if (options.prefix)
    return category || kind == Kind::kId || kind == Kind::kText ? "" : "prefixes are text for kind categorical, id or text" + kept;
  if (!options.date.empty()) return category || kind == Kind::kTime ? "" : "periods are for kind time or categorical" + kept;
  if (options.round) return category || kind == Kind::kDense ? "" : "rounded numbers are for kind dense or categorical" + kept;
  return {};
}

}  // namespace cohort::datasets

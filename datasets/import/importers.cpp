#include "datasets/import/importers.h"

#include "core/error.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/parquet_import.h"
#include "datasets/import/series_import.h"
#include "datasets/import/svmlight_import.h"
#include "datasets/import/events_import.h"
#include "datasets/import/sequences_import.h"
#include "datasets/import/append.h"
#include "datasets/import/table_formats.h"

namespace cohort::datasets {

const std::map<std::string, Importer>& importers() {
  static const std::map<std::string, Importer> all{
      {"csv", csv_importer()},
      {"tsv", tsv_importer()},
      {"criteo", criteo_importer()},
      {"avazu", avazu_importer()},
      {"movielens", movielens_importer()},
      {"text", text_importer()},
      {"interactions", interactions_importer()},
      {"series", series_importer()},
      {"svmlight", svmlight_importer()},
      {"parquet", parquet_importer()},
      {"events", events_importer()},
      {"sequences", sequences_importer()},
  };
  return all;
}

const Importer& importer(const std::string& format) {
  const auto found = importers().find(format);
  if (found != importers().end()) return found->second;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [known, unused] : importers()) {
    names.push_back(known);
    list += (list.empty() ? "" : ", ") + known;
  }
  const std::string guess = core::did_you_mean(format, names);
  throw core::usage_error("there is no import format \"" + format + "\"", guess.empty() ? "the formats are: " + list : "did you mean \"" + guess + "\"?");
}

void check_appends(const std::string& format) {
  if (importer(format).appends) return;
  throw core::usage_error("rows of the format " + format + " are made of several records each: nothing can be appended to them", "import all files anew");
}

std::string made_by(const std::filesystem::path& dataset) { return open_append_base(dataset)->manifest.source.value("format", "csv"); }

std::vector<ImportInput> request_inputs(const ImportRequest& request, const ImportOptions& options) {
  const std::string text = core::text_from_root(request.comm, [&] {
    nlohmann::json json = nlohmann::json::array();
    ImportOptions named = options;
    // The options of the dataset that is appended to name its own inputs.
    if (!request.settings.append_to.empty() && !request.inputs.empty()) named.inputs.clear();
    for (const ImportInput& input : import_inputs(request.inputs, named, request.settings.options_folder)) {
      json.push_back({input.part, input.file.string(), input.header});
    }
    return json.dump();
  });
  std::vector<ImportInput> inputs;
  for (const auto& item : nlohmann::json::parse(text)) inputs.push_back({item[0].get<std::string>(), item[1].get<std::string>(), item[2].get<bool>()});
  return inputs;
}

}  // namespace cohort::datasets

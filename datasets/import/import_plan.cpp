#include "datasets/import/import_plan.h"

#include <algorithm>
#include <map>

#include "core/toml_path.h"

namespace cohort::datasets {
namespace {

Action action_of(const Column& column, Kind kind) {
  switch (kind) {
    case Kind::kDense: return column.dtype == DType::kFloat64 ? Action::kFloat64 : Action::kFloat32;
    case Kind::kCategorical: return column.dtype == DType::kInt64 ? Action::kCategoryInteger : Action::kCategoryText;
    case Kind::kId:
      if (column.dtype == DType::kString) return Action::kText;
      return column.dtype == DType::kInt64 ? Action::kIdInteger : Action::kIdUnsigned;
    case Kind::kTime: return Action::kTime;
    case Kind::kLabel:
      if (column.classes.empty()) return Action::kLabelNumber;
      return column.dtype == DType::kFloat32 ? Action::kLabelFloatClass : Action::kLabelClass;
    case Kind::kWeight: return Action::kWeight;
    case Kind::kText: return Action::kText;
    case Kind::kSequence: return Action::kSequence;
  }
  return Action::kSkip;
}

DType default_dtype(Kind kind, std::size_t classes) {
  switch (kind) {
    case Kind::kCategorical:
    case Kind::kId:
    case Kind::kText: return DType::kString;
    case Kind::kTime: return DType::kInt64;
    case Kind::kLabel: return classes > 2 ? DType::kInt32 : DType::kFloat32;
    default: return DType::kFloat32;
  }
}

std::string path_of(const std::string& column, const std::string& key = {}) {
  return "columns." + core::toml_key(column) + (key.empty() ? "" : "." + key);
}

std::string guess_remedy(const std::string& name, const std::vector<std::string>& names) {
  // A header that is one long field was cut at the wrong character.
  if (const std::size_t other = names.size() == 1 ? names[0].find_first_of(",;\t|") : std::string::npos; other != std::string::npos) {
    return "the header is a single field, " + core::toml_string(names[0]) + ": set csv.delimiter = " + delimiter_text(names[0].substr(other, 1));
  }
  const std::string guess = core::did_you_mean(name, names);
  if (!guess.empty()) return "did you mean \"" + guess + "\"?";
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < 20; ++i) list += (i == 0 ? "" : ", ") + core::toml_string(names[i]);
  return "the input's columns are " + list + (names.size() > 20 ? ", …" : "");
}

// What the options name must be there, and the input must name each column once.
void check_names(const ImportOptions& options, const std::vector<std::string>& names, core::Diagnostics& diagnostics) {
  std::map<std::string, int> seen;
  for (const std::string& name : names) {
    if (++seen[name] == 2) {
      diagnostics.error("csv.names", "the input has two columns named " + core::toml_string(name),
                        "give all columns names of their own with csv.names");
    }
  }
  for (const auto& [name, column] : options.columns) {
    if (!column.from.empty() && !seen.contains(column.from)) {
      diagnostics.error(path_of(name, "from"), "the input has no column " + core::toml_string(column.from), guess_remedy(column.from, names));
    }
    if (!column.from.empty() && seen.contains(name)) {
      diagnostics.error(path_of(name, "from"), "the input itself has a column " + core::toml_string(name), "give the new column another name");
    }
    if (column.from.empty() && !seen.contains(name)) {
      diagnostics.key_error(path_of(name), "the input has no column " + core::toml_string(name), guess_remedy(name, names));
    }
  }
  for (std::size_t i = 0; i < options.drop.size(); ++i) {
    const std::string path = "drop[" + std::to_string(i) + "]";
    if (!seen.contains(options.drop[i])) {
      diagnostics.error(path, "the input has no column " + core::toml_string(options.drop[i]), guess_remedy(options.drop[i], names));
    } else if (options.columns.contains(options.drop[i])) {
      diagnostics.error(path, "column " + core::toml_string(options.drop[i]) + " is both dropped and described",
                        "delete it here or its table below `columns`");
    }
  }
}

Column make_column(const ImportOptions& options, const ColumnOptions& own, const std::string& source, Kind kind) {
  Column column;
  column.name = own.rename.empty() ? source : own.rename;
  if (column.name != source) column.source = source;
  column.kind = kind;
  if (kind == Kind::kSequence) column.of = own.tokenizer ? Kind::kCategorical : kind_from_string(own.of);
  const Kind stored_kind = kind == Kind::kSequence ? column.of : kind;
  column.dtype = own.dtype.empty() ? default_dtype(stored_kind, own.values.size()) : dtype_from_string(own.dtype);
  if (own.tokenizer && own.tokenizer->buckets > 0) column.dtype = DType::kInt64;
  column.classes = own.values;
  column.format = own.format;
  column.available_at = own.available_at;
  column.missing_markers = options.missing;
  for (const std::string& marker : own.missing) {
    if (std::find(options.missing.begin(), options.missing.end(), marker) == options.missing.end()) {
      column.missing_markers.push_back(marker);
    }
  }
  return column;
}

FieldPlan make_field(const Column& column, const ColumnOptions& own, const std::string& source, std::size_t number) {
  FieldPlan field;
  field.source = source;
  field.action = action_of(column, column.kind);
  field.column = number;
  field.missing = MissingMarkers(column.missing_markers);
  field.classes = column.classes;
  field.format = TimeFormat(column.format);
  if (own.tokenizer) {
    field.action = Action::kTokens;
    field.tokenizer = std::make_shared<const Tokenizer>(*own.tokenizer);
  } else if (column.kind == Kind::kSequence) {
    field.element = action_of(column, column.of);
  }
  field.separator = own.separator;
  if (own.max_length > 0) field.max_length = static_cast<std::size_t>(own.max_length);
  field.sentinels = own.sentinels;
  if (own.clip_min) field.clip_min = *own.clip_min;
  if (own.clip_max) field.clip_max = *own.clip_max;
  field.pseudonym = own.pseudonym;
  if (own.generalise) field.generaliser = std::make_shared<const Generaliser>(*own.generalise, TimeFormat(own.format));
  field.cleaned = !own.sentinels.empty() || own.clip_min || own.clip_max;
  return field;
}

/// What `available_at` may say: a time, or a time column of the dataset.
void check_availability(const ImportPlan& plan, core::Diagnostics& diagnostics) {
  for (const FieldPlan& field : plan.fields) {
    if (field.action == Action::kSkip) continue;
    const std::string& when = plan.schema.columns[field.column].available_at;
    const Column* column = plan.schema.find(when);
    int64_t seconds = 0;
    if (when.empty() || TimeFormat().parse(when, seconds) || (column != nullptr && column->kind == Kind::kTime)) continue;
    diagnostics.error(path_of(field.source, "available_at"), "\"" + when + "\" is neither a time nor a time column of the dataset",
                      "write it as 2024-06-30, or name a column of kind = \"time\"");
  }
}

void plan_privacy(const ImportOptions& options, const std::vector<std::string>& names, const std::filesystem::path& folder, ImportPlan& plan,
                  core::Diagnostics& diagnostics) {
  const PrivacyOptions& privacy = options.privacy;
  plan.scanned = privacy.scan != "off";
  plan.refuse_personal = privacy.scan == "refuse";
  plan.allow = privacy.allow;
  plan.min_persons = static_cast<uint32_t>(privacy.min_persons);
  for (const FieldPlan& field : plan.fields) {
    if (field.pseudonym.empty() || plan.key) continue;
    if (privacy.key_file.empty()) {
      diagnostics.key_error(path_of(field.source, "pseudonym"), "pseudonyms need a key",
                            "make one, (umask 077; head -c 32 /dev/urandom | base64 > pseudonym.key), and name it in [privacy] key_file");
      break;
    }
    plan.key = std::make_shared<const PseudonymKey>(PseudonymKey::load(folder / privacy.key_file));
  }
  if (privacy.person.empty()) return;
  const auto found = std::find(names.begin(), names.end(), privacy.person);
  if (found == names.end()) {
    diagnostics.error("privacy.person", "the input has no column " + core::toml_string(privacy.person), guess_remedy(privacy.person, names));
  } else {
    plan.person_field = static_cast<std::size_t>(found - names.begin());
  }
}

}  // namespace

ImportPlan make_plan(const ImportOptions& options, const std::vector<std::string>& own_names, const std::vector<std::string>& joined,
                     const std::filesystem::path& folder, core::Diagnostics& diagnostics) {
  std::vector<std::string> names = own_names;
  names.insert(names.end(), joined.begin(), joined.end());
  ImportPlan plan;
  check_names(options, names, diagnostics);
  const std::vector<std::string> fields_of_input = names;
  for (const auto& [name, column] : options.columns) {
    const auto found = std::find(fields_of_input.begin(), fields_of_input.end(), column.from);
    if (column.from.empty() || found == fields_of_input.end()) continue;
    plan.copies.push_back(static_cast<std::size_t>(found - fields_of_input.begin()));
    names.push_back(name);
  }
  plan.own_fields = own_names.size();
  plan.fingerprints = options.duplicates != "keep";
  plan.on_error = options.on_error == "fail" ? OnError::kFail : options.on_error == "drop" ? OnError::kDrop : OnError::kMissing;
  std::string without_kind;
  std::map<std::string, std::pair<std::string, std::string>> taken;  // dataset's name → input's name, path to blame
  for (const std::string& source : names) {
    FieldPlan field;
    field.source = source;
    if (std::find(options.drop.begin(), options.drop.end(), source) != options.drop.end()) {
      plan.fields.push_back(std::move(field));
      continue;
    }
    auto found = options.columns.find(source);
    const ColumnOptions own = found == options.columns.end() ? ColumnOptions{} : found->second;
    const std::string kind = own.kind.empty() ? options.default_kind : own.kind;
    if (kind.empty()) {
      without_kind += (without_kind.empty() ? "" : ", ") + core::toml_string(source);
      continue;
    }
    // The rules of [columns.X] can't see default_kind, so what depends on it is checked here.
    const bool cleaned = !own.sentinels.empty() || own.clip_min || own.clip_max || !own.clip_quantiles.empty() || own.min_count > 1;
    if (own.kind.empty() && (!own.dtype.empty() || !own.format.empty() || !own.values.empty() || cleaned)) {
      diagnostics.key_error(path_of(source), "column " + core::toml_string(source) + " needs its own kind, for it has a dtype, format, values or rules of cleaning",
                        "add kind = \"" + kind + "\"");
      continue;
    }
    if (kind == "sequence" && !own.tokenizer && own.separator.empty()) {
      diagnostics.error(path_of(source, "of"), "a sequence needs the separator between its elements", "kind = \"sequence\", of = \"categorical\", separator = \"|\"");
      continue;
    }
    Column column = make_column(options, own, source, kind_from_string(kind));
    const std::string blamed = found == options.columns.end() ? "default_kind" : path_of(source, own.rename.empty() ? "" : "rename");
    if (const std::string problem = name_problem(column.name); !problem.empty()) {
      diagnostics.error(blamed, problem, "rename it: [" + path_of(source) + "] rename = \"…\", or drop it");
    }
    const auto [other, fresh] = taken.emplace(column.name, std::pair(source, blamed));
    if (!fresh && other->second.first != source) {
      diagnostics.error(own.rename.empty() ? other->second.second : blamed, "two columns would be named " + core::toml_string(column.name),
                        "rename one of them otherwise");
    }
    field = make_field(column, own, source, plan.schema.columns.size());
    plan.rules.push_back({own.allow, static_cast<uint64_t>(own.min_count), own.rare_value, own.clip_quantiles, field.tokenizer});
    if (field.tokenizer) column.tokenizer = field.tokenizer->to_json();
    plan.schema.columns.push_back(std::move(column));
    plan.fields.push_back(std::move(field));
  }
  check_availability(plan, diagnostics);
  plan_privacy(options, names, folder, plan, diagnostics);
  if (!without_kind.empty()) {
    diagnostics.error("columns", "these columns of the input have no kind: " + without_kind,
                      "describe each in [columns.NAME], list it under drop, or set default_kind");
  }
  if (plan.schema.columns.empty() && !diagnostics.has_errors()) {
    diagnostics.error("drop", "no column is left", "keep at least one");
  }
  return plan;
}

}  // namespace cohort::datasets

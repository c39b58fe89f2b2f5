#include "datasets/import/table_formats.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/infer.h"

namespace cohort::datasets {
namespace {

ColumnOptions column_of(const std::string& kind, const std::string& dtype = {}) {
  ColumnOptions options;
  options.kind = kind;
  options.dtype = dtype;
  return options;
}

/// Imports a table whose options extend ImportOptions.
template <class Options>
ImportSummary import_table(const ImportRequest& request, const Options& options, const std::vector<ImportInput>& inputs) {
  return import_csv(request.comm, request.format, inputs, options, request.document, request.settings);
}

template <class Options>
ImportSummary run_table(const ImportRequest& request) {
  const auto options = read_import_options<Options>(request);
  return import_table(request, options, request_inputs(request, options));
}

// ---- tsv ------------------------------------------------------------------------------------------------------------

struct TsvOptions : ImportOptions {
  TsvOptions() {
    csv.delimiter = "\t";
    csv.quote = "";
  }
  static void describe(core::Describe<TsvOptions>& d) { describe_import_options(d); }
};

// ---- criteo ---------------------------------------------------------------------------------------------------------

struct CriteoOptions : ImportOptions {
  CriteoOptions() {
    csv.delimiter = "\t";
    csv.quote = "";
    csv.header = false;
    csv.names = {"label"};
    columns["label"] = column_of("label");
    columns["label"].values = {"0", "1"};
    for (int i = 1; i <= 13; ++i) {
      csv.names.push_back("I" + std::to_string(i));
      columns[csv.names.back()] = column_of("dense");
    }
    for (int i = 1; i <= 26; ++i) {
      csv.names.push_back("C" + std::to_string(i));
      columns[csv.names.back()] = column_of("categorical");
    }
  }
  static void describe(core::Describe<CriteoOptions>& d) { describe_import_options(d); }
};

// ---- avazu ----------------------------------------------------------------------------------------------------------

struct AvazuOptions : ImportOptions {
  AvazuOptions() {
    csv.names = {"id",        "click",      "hour",        "C1",          "banner_pos",   "site_id",    "site_domain", "site_category",
                 "app_id",    "app_domain", "app_category", "device_id",  "device_ip",    "device_model", "device_type", "device_conn_type",
                 "C14",       "C15",        "C16",         "C17",         "C18",          "C19",        "C20",         "C21"};
    default_kind = "categorical";
    columns["id"] = column_of("id");
    columns["click"] = column_of("label");
    columns["click"].values = {"0", "1"};
    columns["hour"] = column_of("time");
    columns["hour"].format = "%y%m%d%H";
  }
  static void describe(core::Describe<AvazuOptions>& d) { describe_import_options(d); }
};

ImportSummary run_avazu(const ImportRequest& request) {
  const auto options = read_import_options<AvazuOptions>(request);
  std::vector<ImportInput> inputs = request_inputs(request, options);
  // The training file has a header and the others don't: each tells by its first line.
  const std::string headers = core::text_from_root(request.comm, [&] {
    std::string answer;
    for (const ImportInput& input : inputs) answer += begins_with_names(input.file, csv_format(options.csv), options.csv.names) ? '1' : '0';
    return answer;
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].header = headers[i] == '1';
  return import_table(request, options, inputs);
}

// ---- movielens ------------------------------------------------------------------------------------------------------

/// Left empty, users and movies are looked for beside the ratings.
struct MovielensOptions : ImportOptions {
  std::string users, movies;
  bool join_tables = true;
  static void describe(core::Describe<MovielensOptions>& d) {
    d.field("join_tables", &MovielensOptions::join_tables, "whether users and movies are joined to the ratings");
    d.field("users", &MovielensOptions::users, "the file of users; \"\": users.dat beside the ratings, where there is one");
    d.field("movies", &MovielensOptions::movies, "the file of movies; \"\": movies.dat or movies.csv beside the ratings, where there is one");
    describe_import_options(d);
  }
};

std::filesystem::path beside_ratings(const std::filesystem::path& ratings, const std::string& name) {
  std::error_code error;
  for (const char* end : {"", ".gz", ".zst"}) {
    const std::filesystem::path file = ratings.parent_path() / (name + end);
    if (std::filesystem::exists(file, error)) return std::filesystem::absolute(file);
  }
  return {};
}

bool is_dat(const std::filesystem::path& file) { return file.string().find(".dat") != std::string::npos; }

void set_dat_format(CsvOptions& csv, std::vector<std::string> names) {
  csv.delimiter = "::";
  csv.quote = "";
  csv.header = false;
  csv.encoding = "iso-8859-1";
  csv.names = std::move(names);
}

void add_default_column(MovielensOptions& options, const std::vector<std::string>& present, const std::string& name, ColumnOptions column) {
  const bool there = std::find(present.begin(), present.end(), name) != present.end();
  const bool dropped = std::find(options.drop.begin(), options.drop.end(), name) != options.drop.end();
  if (there && !dropped) options.columns.emplace(name, std::move(column));
}

/// What the headers show, completed by what is known of these files.
void complete_movielens(MovielensOptions& options, const ImportInput& ratings, const std::string& users, const std::string& movies) {
  if (is_dat(ratings.file)) set_dat_format(options.csv, {"UserID", "MovieID", "Rating", "Timestamp"});
  std::vector<std::string> present = read_column_names(options, ratings);
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (std::find(present.begin(), present.end(), name) != present.end()) return std::string(name);
    }
    throw core::usage_error("the ratings have no column of users or movies that MovieLens knows", "name the columns as MovieLens does, or import them as csv")
        .at({ratings.file.string(), 1, 1});
  };
  const std::string user = first_of({"UserID", "userId", "user_id"}), movie = first_of({"MovieID", "movieId", "movie_id"});
  auto add_table = [&](const std::string& file, const std::string& on, const std::string& key, std::vector<std::string> names) {
    if (file.empty() || !options.join_tables) return;
    JoinOptions join;
    join.files = {file};
    join.on = on;
    join.key = key;
    if (is_dat(file)) {
      set_dat_format(join.csv, names);
    } else {
      names = {"title", "genres"};
      join.key = "movieId";
    }
    for (const std::string& name : names) {
      if (name != key) present.push_back(name);
    }
    options.join.push_back(std::move(join));
  };
  add_table(users, user, "UserID", {"UserID", "Gender", "Age", "Occupation", "Zip"});
  add_table(movies, movie, "MovieID", {"MovieID", "Title", "Genres"});
  for (const std::string& name : {user, movie}) add_default_column(options, present, name, column_of("categorical", "int64"));
  for (const char* name : {"Rating", "rating"}) add_default_column(options, present, name, column_of("label"));
  ColumnOptions time = column_of("time");
  time.format = "unix_s";
  for (const char* name : {"Timestamp", "timestamp"}) add_default_column(options, present, name, time);
  add_default_column(options, present, "seq", column_of("dense"));
  for (const char* name : {"Gender", "Zip"}) add_default_column(options, present, name, column_of("categorical"));
  for (const char* name : {"Age", "Occupation"}) add_default_column(options, present, name, column_of("categorical", "int64"));
  for (const char* name : {"Title", "title"}) add_default_column(options, present, name, column_of("text"));
  ColumnOptions genres = column_of("sequence");
  genres.of = "categorical";
  genres.separator = "|";
  genres.missing = {"(no genres listed)"};
  for (const char* name : {"Genres", "genres"}) add_default_column(options, present, name, genres);
}

ImportSummary run_movielens(const ImportRequest& request) {
  auto options = read_import_options<MovielensOptions>(request);
  std::vector<ImportInput> inputs = request_inputs(request, options);
  const std::string completed = core::text_from_root(request.comm, [&] {
    const auto given = [&](const std::string& file) { return file.empty() ? file : (request.settings.options_folder / file).string(); };
    std::string users = given(options.users), movies = given(options.movies);
    if (users.empty()) users = beside_ratings(inputs.front().file, "users.dat").string();
    for (const char* name : {"movies.dat", "movies.csv"}) {
      if (movies.empty()) movies = beside_ratings(inputs.front().file, name).string();
    }
    complete_movielens(options, inputs.front(), users, movies);
    return core::Schema::of<MovielensOptions>().to_json(&options).dump();
  });
  core::together(request.comm, [&] { core::Schema::of<MovielensOptions>().from_json(nlohmann::json::parse(completed), &options); });
  for (ImportInput& input : inputs) input.header = input.header && options.csv.header;
  return import_table(request, options, inputs);
}

// ---- text -----------------------------------------------------------------------------------------------------------

struct TextOptions : ImportOptions {
  std::vector<std::string> text = {"text"};
  TokenizerOptions tokenizer;
  bool keep_text = false;
  static void describe(core::Describe<TextOptions>& d) {
    d.field("text", &TextOptions::text, "the columns that hold texts; column X becomes the tokens X_tokens").non_empty().unique();
    d.field("keep_text", &TextOptions::keep_text, "whether the texts themselves are stored as well");
    d.table("tokenizer", &TextOptions::tokenizer, "how texts become tokens");
    describe_import_options(d);
  }
};

ImportSummary run_text(const ImportRequest& request) {
  auto options = read_import_options<TextOptions>(request);
  for (const std::string& name : options.text) {
    if (options.keep_text) {
      options.columns.emplace(name, column_of("text"));
    } else {
      options.drop.push_back(name);
    }
    ColumnOptions tokens = column_of("sequence");
    tokens.from = name;
    tokens.tokenizer = options.tokenizer;
    options.columns.emplace(name + "_tokens", std::move(tokens));
  }
  return import_table(request, options, request_inputs(request, options));
}

// ---- interactions ---------------------------------------------------------------------------------------------------

struct InteractionsOptions : ImportOptions {
  InteractionsOptions() {
    csv.delimiter = " ";
    csv.quote = "";
    csv.header = false;
    csv.cut = "first";
    csv.names = {"user", "items"};
    columns["user"] = column_of("categorical", "int64");
    columns["items"] = column_of("sequence", "int64");
    columns["items"].of = "categorical";
    columns["items"].separator = " ";
  }
  static void describe(core::Describe<InteractionsOptions>& d) { describe_import_options(d); }
};

}  // namespace

Importer csv_importer() { return {"comma-separated files (RFC 4180), a row a record", &core::Schema::of<ImportOptions>(), run_table<ImportOptions>, true, infer_import}; }
Importer tsv_importer() { return {"files separated by tabs, without quotes", &core::Schema::of<TsvOptions>(), run_table<TsvOptions>, true}; }
Importer criteo_importer() {
  return {"Criteo display advertising: tabs, no header, 13 counts and 26 categories", &core::Schema::of<CriteoOptions>(), run_table<CriteoOptions>, true};
}
Importer avazu_importer() { return {"Avazu click-through, with or without a header", &core::Schema::of<AvazuOptions>(), run_avazu, true}; }
Importer movielens_importer() {
  return {"MovieLens ratings, the .dat and .csv editions, users and movies joined", &core::Schema::of<MovielensOptions>(), run_movielens, true};
}
Importer text_importer() {
  return {"texts with labels, Chinese and English: tokens by words or n-grams of characters, a vocabulary or hashes", &core::Schema::of<TextOptions>(), run_text, true};
}
Importer interactions_importer() {
  return {"a user a line, user item item …, as in LightGCN and S3-Rec", &core::Schema::of<InteractionsOptions>(), run_table<InteractionsOptions>, true};
}

}  // namespace cohort::datasets

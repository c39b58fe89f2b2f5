#include "datasets/import/parquet_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/error.h"
#include "core/share_file.h"
#include "core/subprocess.h"
#include "core/toml_document.h"
#include "core/toml_path.h"
#include "datasets/io/input_file.h"
#include "datasets/io/time_format.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

constexpr int kNoArrow = 4;                    // exit status of parquet_reader.py
constexpr std::size_t kMostHead = 256u << 20;  // a schema of a million columns takes less

constexpr std::array<std::pair<ParquetType, const char*>, 8> kParquetTypes{{{ParquetType::kInt64, "int64"},
                                                                            {ParquetType::kUInt64, "uint64"},
                                                                            {ParquetType::kFloat32, "float32"},
                                                                            {ParquetType::kFloat64, "float64"},
                                                                            {ParquetType::kTime, "time"},
                                                                            {ParquetType::kText, "text"},
                                                                            {ParquetType::kNull, "null"},
                                                                            {ParquetType::kUnsupported, ""}}};

std::string arrow_remedy(const std::vector<std::string>& interpreters) {
  if (interpreters.empty()) return "install Python 3 and pyarrow, and name the interpreter by COHORT_PYTHON";
  return fmt::format("{} -m pip install pyarrow, or name an interpreter that has it by COHORT_PYTHON", interpreters.front());
}

ParquetColumn read_parquet_column(const JsonReader& json) {
  ParquetColumn column;
  column.name = json.at("name").text();
  column.stored = json.at("stored").text();
  column.list = json.at("list").boolean();
  for (const auto& [type, name] : kParquetTypes) {
    if (json.at("type").text() == name) column.type = type;
  }
  return column;
}

void require_utf8_path(const std::filesystem::path& path) {
  try {
    (void)nlohmann::json(path.string()).dump();
  } catch (const nlohmann::json::exception&) {
    throw core::usage_error("the file's name is not UTF-8", "rename it").at({path.string(), 0, 0});
  }
}

template <class T>
std::string_view number_text(T number, std::string& scratch) {
  scratch.resize(64);
  const auto [end, error] = std::to_chars(scratch.data(), scratch.data() + scratch.size(), number);
  scratch.resize(static_cast<std::size_t>(end - scratch.data()));
  return scratch;
}

}  // namespace

std::size_t ParquetFile::column(const std::string& name) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name != name) {
      names.push_back(columns[i].name);
      continue;
    }
    if (columns[i].type != ParquetType::kUnsupported) return i;
    throw core::usage_error(fmt::format("column {} is of type {}, which can't be imported", core::toml_string(name), columns[i].stored),
                            "drop it, or have it written as numbers, text, times, or a list of these")
        .at({path.string(), 0, 0});
  }
  const std::string guess = core::did_you_mean(name, names);
  throw core::usage_error("the file has no column " + core::toml_string(name), guess.empty() ? "check the file" : "did you mean \"" + guess + "\"?")
      .at({path.string(), 0, 0});
}

struct ParquetSource::Impl {
  std::unique_ptr<core::ChildProcess> process;
  std::string version, python;
  ParquetFile file;
  std::vector<std::size_t> wanted;
  uint64_t position = 0;
  bool reading = false;

  /// Starts one interpreter; false where it has no pyarrow.
  bool start(const std::string& interpreter, int threads) {
    process = std::make_unique<core::ChildProcess>(
        std::vector<std::string>{interpreter, core::share_file("datasets/import/parquet_reader.py").string(), std::to_string(threads)});
    const std::optional<nlohmann::json> hello = receive();
    if (hello) {
      version = JsonReader(*hello).at("pyarrow").text();
      python = interpreter;
      return true;
    }
    const int status = process->wait();
    if (status == kNoArrow) return false;
    throw core::failed_error(fmt::format("{} could not start the reader of Parquet files (exit status {}): {}", interpreter, status,
                                         process->errors()),
                             "check that its pyarrow works: " + interpreter + " -c 'import pyarrow.parquet'");
  }

  /// The JSON of a frame; nothing where the process has ended.
  std::optional<nlohmann::json> receive() {
    uint32_t size = 0;
    if (!process->read(std::as_writable_bytes(std::span(&size, 1)))) return {};
    if (size > kMostHead) {
      throw core::failed_error("the reader of Parquet files answers with something else", "check that its Python prints nothing at its start");
    }
    std::string text(size, '\0');
    if (!process->read(std::as_writable_bytes(std::span(text)))) return {};
    return parse_untrusted_json(text);
  }

  nlohmann::json answer() {
    std::optional<nlohmann::json> json = receive();
    if (!json) died();
    if (json->contains("error")) {
      reading = false;
      throw core::damaged_error("Arrow can't read the file: " + JsonReader(*json).at("error").text(),
                                "check that it is a whole Parquet file; write or copy it again")
          .at({file.path.string(), 0, 0});
    }
    return *std::move(json);
  }

  [[noreturn]] void died() {
    const int status = process->wait();
    throw core::failed_error(status > 128 ? fmt::format("the reader of Parquet files was ended by signal {}{}", status - 128,
                                                        status == 137 ? ", as when memory is short" : ": the file is damaged, or Arrow has a fault")
                                          : fmt::format("the reader of Parquet files ended with status {}: {}", status, process->errors()),
                             "check the file with another program, or try another version of pyarrow")
        .at({file.path.string(), 0, 0});
  }

  void request(const nlohmann::json& json) {
    if (!process->write(json.dump() + "\n")) died();
  }

  void receive_into(void* data, std::size_t bytes) {
    if (!process->read(std::span(static_cast<std::byte*>(data), bytes))) died();
  }

  template <class T>
  void receive_vector(const JsonReader& sizes, const char* name, std::vector<T>& values) {
    values.clear();
    if (!sizes.has(name)) return;
    const uint64_t bytes = sizes.at(name).unsigned_integer();
    if (bytes % sizeof(T) != 0) sizes.at(name).fail("whole values");
    values.resize(bytes / sizeof(T));
    receive_into(values.data(), bytes);
  }

  /// The buffers come in the order in which parquet_reader.py lists them: lengths, valid, indices, offsets and bytes, or values.
  void receive_values(const JsonReader& sizes, const ParquetColumn& column, uint64_t rows, ParquetValues& values) {
    receive_vector(sizes, "lengths", values.ends);
    for (std::size_t i = 1; i < values.ends.size(); ++i) values.ends[i] += values.ends[i - 1];
    receive_vector(sizes, "valid", values.valid);
    values.dictionary = sizes.has("indices");
    receive_vector(sizes, "indices", values.indices);
    std::size_t elements = 0;
    switch (column.type) {
      case ParquetType::kFloat32:
        receive_vector(sizes, "values", values.floats);
        elements = values.floats.size();
        break;
      case ParquetType::kFloat64:
        receive_vector(sizes, "values", values.doubles);
        elements = values.doubles.size();
        break;
      case ParquetType::kText: elements = receive_text(sizes, values); break;
      case ParquetType::kNull: elements = values.valid.size(); break;
      default:
        receive_vector(sizes, "values", values.integers);
        elements = values.integers.size();
    }
    const auto listed = static_cast<std::size_t>(values.ends.empty() ? 0 : values.ends.back());
    const bool rows_fit = column.list ? values.ends.size() == rows && listed == elements : elements == rows;
    if (!rows_fit || (!values.valid.empty() && values.valid.size() != elements)) sizes.fail("as many values as rows");
  }

  std::size_t receive_text(const JsonReader& sizes, ParquetValues& values) {
    receive_vector(sizes, "offsets", values.text_ends);
    if (values.text_ends.empty()) sizes.fail("offsets of its text");
    const int64_t first = values.text_ends.front();
    values.text_ends.erase(values.text_ends.begin());
    for (int64_t& end : values.text_ends) end -= first;
    values.text.resize(sizes.at("bytes").unsigned_integer());
    receive_into(values.text.data(), values.text.size());
    const bool ordered = std::is_sorted(values.text_ends.begin(), values.text_ends.end()) && (values.text_ends.empty() || values.text_ends.front() >= 0);
    if (!ordered || (values.text_ends.empty() ? 0 : values.text_ends.back()) != static_cast<int64_t>(values.text.size())) sizes.fail("offsets in order");
    if (!values.dictionary) return values.text_ends.size();
    for (std::size_t i = 0; i < values.indices.size(); ++i) {
      const int32_t index = values.indices[i];
      if (!values.is_null(i) && (index < 0 || static_cast<std::size_t>(index) >= values.text_ends.size())) sizes.fail("entries of its dictionary");
    }
    return values.indices.size();
  }
};

ParquetSource::ParquetSource(int threads, const std::vector<std::string>& interpreters) : impl_(std::make_unique<Impl>()) {
  for (const std::string& interpreter : interpreters) {
    if (impl_->start(interpreter, threads)) return;
  }
  throw core::failed_error("Parquet files are read by Apache Arrow, and no Python interpreter here has pyarrow", arrow_remedy(interpreters));
}

ParquetSource::~ParquetSource() = default;

const std::string& ParquetSource::arrow_version() const { return impl_->version; }
const std::string& ParquetSource::python() const { return impl_->python; }

const ParquetFile& ParquetSource::open(const std::filesystem::path& path) {
  InputFile(path).size();  // says what is wrong with the path in this program's words
  require_utf8_path(path);
  give_up_reading();
  impl_->file = {path, 0, {}, {}};
  impl_->request({{"open", std::filesystem::absolute(path).string()}});
  const nlohmann::json answer = impl_->answer();
  const JsonReader json(answer, path.filename().string());
  impl_->file.rows = json.at("rows").unsigned_integer();
  impl_->file.row_groups = json.at("row_groups").unsigned_integers();
  for (const JsonReader& column : json.at("columns").elements()) impl_->file.columns.push_back(read_parquet_column(column));
  return impl_->file;
}

void ParquetSource::read(const std::vector<std::size_t>& columns, uint64_t first, uint64_t rows, uint64_t batch) {
  give_up_reading();
  impl_->wanted = columns;
  impl_->position = first;
  impl_->reading = true;
  impl_->request({{"read", columns}, {"first", first}, {"rows", rows}, {"batch", std::max<uint64_t>(batch, 1)}});
}

void ParquetSource::give_up_reading() {
  for (ParquetBatch rest; impl_->reading;) {
    try {
      next(rest);
    } catch (const core::Error&) {
      // Nobody asked for these rows any more. A process that died says so at the next request.
      impl_->reading = false;
    }
  }
}

bool ParquetSource::next(ParquetBatch& batch) {
  if (!impl_->reading) return false;
  const nlohmann::json answer = impl_->answer();
  const JsonReader json(answer, impl_->file.path.filename().string());
  batch.first = impl_->position;
  batch.rows = json.at("rows").unsigned_integer();
  impl_->position += batch.rows;
  if (batch.rows == 0) {
    impl_->reading = false;
    return false;
  }
  batch.columns.resize(impl_->wanted.size());
  for (std::size_t i = 0; i < impl_->wanted.size(); ++i) {
    impl_->receive_values(json.at("columns").at(i), impl_->file.columns[impl_->wanted[i]], batch.rows, batch.columns[i]);
  }
  return true;
}

ParquetSupport parquet_support() {
  try {
    const ParquetSource source;
    return {source.arrow_version(), source.python(), ""};
  } catch (const core::Error& error) {
    return {"", "", error.remedy()};
  }
}

std::string_view cell_text(ParquetType type, const ParquetValues& values, std::size_t element, std::string& scratch) {
  if (values.is_null(element)) return {};
  switch (type) {
    case ParquetType::kInt64: return number_text(values.integers[element], scratch);
    case ParquetType::kUInt64: return number_text(static_cast<uint64_t>(values.integers[element]), scratch);
    case ParquetType::kFloat32: return std::isnan(values.floats[element]) ? std::string_view() : number_text(values.floats[element], scratch);
    case ParquetType::kFloat64: return std::isnan(values.doubles[element]) ? std::string_view() : number_text(values.doubles[element], scratch);
    case ParquetType::kText: return values.text_of(element);
    case ParquetType::kTime:
      scratch = time_text(values.integers[element]);
      // Beyond the calendar it is a number, which no format takes for a time: better refused than shown as another one.
      if (const std::size_t space = scratch.find(' '); space != std::string::npos) {
        scratch[space] = 'T';
        scratch += 'Z';
      }
      return scratch;
    default: return {};
  }
}

}  // namespace cohort::datasets

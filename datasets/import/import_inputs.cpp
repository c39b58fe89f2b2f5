#include "datasets/import/import_inputs.h"

#include <algorithm>
#include <cctype>
#include <glob.h>

#include "core/error.h"
#include "core/utf8.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/record_cutter.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

bool is_part_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

std::vector<fs::path> expand_pattern(const fs::path& pattern) {
  std::error_code error;
  // A file whose name holds such a character is meant before any pattern.
  if (pattern.string().find_first_of("*?[") == std::string::npos || fs::exists(pattern, error)) return {pattern};
  glob_t found{};
  const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<fs::path> files;
  for (std::size_t i = 0; status == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (files.empty()) throw core::usage_error("no file fits the pattern " + pattern.string(), "check the path");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<fs::path> expand_files(const std::vector<std::string>& patterns, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const std::string& pattern : patterns) {
    for (fs::path& file : expand_pattern(folder / pattern)) files.push_back(std::move(file));
  }
  return files;
}

std::vector<ImportInput> import_inputs(const std::vector<std::string>& arguments, const ImportOptions& options, const fs::path& options_folder) {
  if (!arguments.empty() && !options.inputs.empty()) {
    throw core::usage_error("both the command line and [[inputs]] name input files", "leave one of them out");
  }
  std::vector<ImportInput> result;
  for (const std::string& argument : arguments) {
    std::string part = "data";
    fs::path pattern = argument;
    const std::size_t equals = argument.find('=');
    std::error_code error;
    if (equals != std::string::npos && is_part_name(argument.substr(0, equals)) && !fs::exists(argument, error)) {
      part = argument.substr(0, equals);
      pattern = argument.substr(equals + 1);
    }
    for (fs::path& file : expand_pattern(pattern)) result.push_back({part, std::move(file), options.csv.header});
  }
  for (const InputOptions& entry : options.inputs) {
    for (fs::path& file : expand_files(entry.files, options_folder)) {
      result.push_back({entry.part, std::move(file), entry.header.value_or(options.csv.header)});
    }
  }
  if (result.empty()) throw core::usage_error("no input file is named", "name files on the command line or in [[inputs]]");
  for (const ImportInput& input : result) check_part_name(input.part);
  return result;
}

CsvHeader take_header(const std::string& block, const CsvFormat& format, const fs::path& file) {
  RecordCutter cutter(block, format);
  std::vector<CsvField> fields;
  bool found = false;
  while ((found = cutter.next(fields)) && cutter.blank()) {
  }
  if (!found) {
    if (!cutter.failed()) throw core::usage_error("the file holds no header", "check the path").at({file.string(), 1, 1});
    core::Place place = place_in(block, cutter.problem().offset);
    throw core::usage_error(cutter.problem().message, cutter.problem().remedy).at({file.string(), place.line + 1, place.column});
  }
  CsvHeader header;
  for (const CsvField& field : fields) {
    if (!core::is_utf8(field.text)) {
      core::Place place = place_in(block, static_cast<std::size_t>(field.start - block.data()));
      throw core::usage_error("the column name " + show(field.text) + " is not UTF-8", "set csv.encoding = \"iso-8859-1\", or convert the file with iconv")
          .at({file.string(), place.line + 1, place.column});
    }
    header.names.emplace_back(field.text);
  }
  header.bytes = cutter.position();
  return header;
}

std::vector<std::string> read_column_names(const ImportOptions& options, const ImportInput& input) {
  if (!options.csv.names.empty()) return options.csv.names;
  if (!input.header) {
    throw core::usage_error("the first input has no header, and csv.names is empty", "name a file with a header first, or set csv.names");
  }
  const CsvFormat format = csv_format(options.csv);
  CsvBlockReader reader(input.file, format, 1 << 16);
  std::string text;
  if (!reader.next(text)) throw core::usage_error("the file is empty", "check the path").at({input.file.string(), 1, 1});
  return take_header(text, format, input.file).names;
}

bool begins_with_names(const fs::path& file, const CsvFormat& format, const std::vector<std::string>& names) {
  CsvBlockReader reader(file, format, 1 << 16);
  std::string text;
  return reader.next(text) && take_header(text, format, file).names == names;
}

}  // namespace cohort::datasets

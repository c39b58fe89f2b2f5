// Imports of small files for the tests of grouped formats.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "core/error.h"
#include "core/toml_document.h"
#include "datasets/import/importers.h"
#include "datasets/store/dataset.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::tests {

/// One import of text into a dataset, alone.
class SmallImport {
 public:
  explicit SmallImport(std::string format, int threads = 1) : format_(std::move(format)), threads_(threads) {}

  datasets::ImportSummary run(const std::string& log, const std::string& options) {
    folder_.write("log.csv", log);
    std::error_code ignored;
    std::filesystem::remove_all(out(), ignored);
    const core::TomlDocument document = core::TomlDocument::parse(options, "import.toml");
    const auto comm = core::make_self_communicator();
    datasets::ImportRequest request{*comm, format_, {folder_ / "log.csv"}, document, {}, 0};
    request.settings.threads = threads_;
    request.settings.folder = out();
    request.settings.options_text = options;
    request.settings.options_folder = folder_.path();
    return datasets::importer(format_).run(request);
  }
  /// What is said when it fails; "" when it doesn't.
  std::string error_of(const std::string& log, const std::string& options) {
    try {
      run(log, options);
    } catch (const core::Error& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path out() const { return folder_ / "data"; }
  const datasets::TemporaryFolder& folder() const { return folder_; }
  datasets::Dataset open() const { return datasets::Dataset::open(out()); }

  std::vector<float> numbers(const std::string& name) const { return values<float>(name); }
  std::vector<int32_t> codes(const std::string& name) const { return values<int32_t>(name); }
  std::vector<std::string> texts(const std::string& name) const {
    const datasets::Dataset data = open();
    std::vector<std::string> all;
    data.read(data.schema().at(name), 0, all, data.rows());
    return all;
  }
  template <class T>
  std::vector<std::vector<T>> sequences(const std::string& name) const {
    const datasets::Dataset data = open();
    datasets::Ragged<T> ragged;
    data.read(data.schema().at(name), 0, data.rows(), ragged);
    std::vector<std::vector<T>> rows;
    int64_t begin = 0;
    for (const int64_t end : ragged.ends) {
      rows.emplace_back(ragged.values.begin() + begin, ragged.values.begin() + end);
      begin = end;
    }
    return rows;
  }
  /// Sequences of categories as text; a missing one is "".
  std::vector<std::vector<std::string>> words(const std::string& name) const {
    const datasets::Dictionary dictionary = open().schema().at(name).dictionary;
    std::vector<std::vector<std::string>> rows;
    for (const auto& codes : sequences<int32_t>(name)) {
      rows.emplace_back();
      for (const int32_t code : codes) rows.back().push_back(code < 0 ? "" : dictionary.text(code));
    }
    return rows;
  }

 private:
  template <class T>
  std::vector<T> values(const std::string& name) const {
    const datasets::Dataset data = open();
    std::vector<T> all(data.rows());
    data.read(data.schema().at(name), 0, all);
    return all;
  }

  datasets::TemporaryFolder folder_;
  std::string format_;
  int threads_;
};

}  // namespace cohort::tests

#include "datasets/synth/columns.h"

#include <numeric>
#include <utility>

namespace cohort::datasets {
namespace {

Column synth_column(std::string name, Kind kind, DType dtype) {
  Column column;
  column.name = std::move(name);
  column.kind = kind;
  column.dtype = dtype;
  return column;
}

}  // namespace

Column dense_column(std::string name) { return synth_column(std::move(name), Kind::kDense, DType::kFloat32); }

Column time_column(std::string name) {
  Column column = synth_column(std::move(name), Kind::kTime, DType::kInt64);
  column.format = "unix_s";
  return column;
}

Column id_column(std::string name) { return synth_column(std::move(name), Kind::kId, DType::kInt64); }

Column word_column(std::string name, std::vector<std::string> words) {
  Column column = synth_column(std::move(name), Kind::kCategorical, DType::kString);
  column.dictionary.strings = std::move(words);
  return column;
}

Column code_column(std::string name, uint64_t n, int64_t first) {
  Column column = synth_column(std::move(name), Kind::kCategorical, DType::kInt64);
  column.dictionary.integers.resize(n);
  std::iota(column.dictionary.integers.begin(), column.dictionary.integers.end(), first);
  return column;
}

Column binary_label(std::string name) {
  Column column = synth_column(std::move(name), Kind::kLabel, DType::kFloat32);
  column.classes = {"0", "1"};
  return column;
}

Column number_label(std::string name) { return synth_column(std::move(name), Kind::kLabel, DType::kFloat32); }

Column class_label(std::string name, std::vector<std::string> classes) {
  Column column = synth_column(std::move(name), Kind::kLabel, DType::kInt32);
  column.classes = std::move(classes);
  return column;
}

Column sequence_of(Column elements) {
  elements.of = elements.kind;
  elements.kind = Kind::kSequence;
  return elements;
}

Column truth(Column column) {
  column.feature = false;
  return column;
}

}  // namespace cohort::datasets

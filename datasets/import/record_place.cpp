#include "datasets/import/record_place.h"

#include "datasets/import/csv_blocks.h"
#include "datasets/import/record_cutter.h"

namespace cohort::datasets {

core::Place place_of_record(uint64_t record, const std::vector<ImportInput>& inputs, const nlohmann::ordered_json& described,
                            const CsvFormat& format, std::size_t fields) {
  std::size_t number = 0;
  while (number + 1 < inputs.size() && record >= described[number]["records"].get<uint64_t>())
    record -= described[number++]["records"].get<uint64_t>();
  const ImportInput& input = inputs[number];
  CsvBlockReader reader(input.file, format);
  std::string text;
  uint64_t lines = 0;
  for (bool first = true; reader.next(text); first = false) {
    const std::size_t skip = first && input.header ? take_header(text, format, input.file).bytes : 0;
    RecordCutter cutter(std::string_view(text).substr(skip), format);
    std::vector<CsvField> cut;
    while (cutter.next(cut)) {
      if (cutter.blank() && fields > 1) continue;
      if (record-- > 0) continue;
      return {input.file.string(),
              static_cast<int>(lines + count_lines(std::string_view(text).substr(0, skip + cutter.record_start()))) + 1, 1};
    }
    lines += count_lines(text);
  }
  return {input.file.string(), 0, 0};
}

}  // namespace cohort::datasets

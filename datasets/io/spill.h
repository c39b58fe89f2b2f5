// Provisional codes of one categorical column, in a plain temporary file until the dictionary is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace cohort::datasets {

/// Codes are written once in order, then read once in order. The file is removed at the end.
class CodeSpill {
 public:
  explicit CodeSpill(std::filesystem::path path);
  ~CodeSpill();
  CodeSpill(const CodeSpill&) = delete;
  CodeSpill& operator=(const CodeSpill&) = delete;

  void write(std::span<const int32_t> codes);  ///< throws Error (failed)
  /// Ends writing; read() starts at the first code.
  void rewind();
  void read(std::span<int32_t> codes);

 private:
  void flush();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::vector<int32_t> buffer_;
};

}  // namespace cohort::datasets

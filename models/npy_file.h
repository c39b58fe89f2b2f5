// NumPy's .npy files, format 1.0, 2.0 and 3.0 (NumPy Enhancement Proposal 1; numpy/lib/format.py): one array, no code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::models {

/// An array in C order within a file's bytes, little-endian.
struct NpyArray {
  char kind = 'f';         ///< f float, i or u integer, U text of 4-byte characters, S text of bytes
  uint64_t item_bytes = 4;
  std::vector<int64_t> shape;
  uint64_t begin = 0;      ///< from the file's first byte on
};

/// Whether bytes begin like such a file.
bool is_npy(std::string_view bytes);
/// Throws Error naming `origin`: usage for Fortran order, big-endian numbers and other types than those above; damaged for what is malformed, cut off or
/// longer than its array. Nothing of the header is evaluated, and no size in it is believed before the file was found to have it.
NpyArray read_npy_header(std::string_view bytes, const std::string& origin);

/// Texts of an array [n] of kind U, S, i or u: UTF-8, or decimal. Throws Error (usage) for other shapes and kinds, (damaged) for
/// characters that Unicode doesn't have.
std::vector<std::string> npy_texts(std::string_view bytes, const std::string& origin);

}  // namespace cohort::models

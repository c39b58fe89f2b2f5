// The safetensors format (huggingface/safetensors README): named tensors, no code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cohort::models {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The bytes of a file: entries in name order; data aligned to its elements, larger elements first; `__metadata__` with
/// {"format":"pt"} and `metadata`. Throws Error (usage) for a name used twice or a type the format lacks.
std::string write_safetensors(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {});
/// Tensors own their memory. Throws Error (damaged), naming `origin`, on anything malformed: hostile lengths, holes,
/// overlaps, duplicates.
std::map<std::string, at::Tensor> read_safetensors(const std::string& bytes, const std::string& origin);

/// Where a tensor lies in a file's bytes: little-endian, row-major.
struct StoredTensor {
  std::string dtype;  ///< the format's own word: "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, bytes = 0;  ///< from the file's first byte on
};
/// The same checks, but nothing is copied: for a mapped file of which a part is wanted.
std::map<std::string, StoredTensor> list_safetensors(std::string_view bytes, const std::string& origin);

/// `weights_sha256` of run.json: SHA-256 over (name, dtype, shape, little-endian bytes) in name order. Name and dtype
/// ("F32") come after their lengths, the shape after its number of dimensions; all numbers are 64 bits, little-endian.
std::string weights_sha256(NamedTensors tensors);

}  // namespace cohort::models

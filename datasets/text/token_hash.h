// The hash that puts tokens into buckets. It is the one that ONNX Runtime has as com.microsoft.MurmurHash3, so that a served graph can
// compute it.
#pragma once

#include <cstdint>
#include <string_view>

namespace cohort::datasets {

/// MurmurHash3_x86_32 (Austin Appleby, MurmurHash3.cpp, public domain), over the bytes.
uint32_t murmur_hash3(std::string_view bytes, uint32_t seed);

}  // namespace cohort::datasets

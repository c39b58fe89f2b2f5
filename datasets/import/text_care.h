// What must be looked for in texts before they are stored.
#pragma once

#include <cstring>
#include <string_view>

#include "datasets/io/byte_masks.h"

namespace cohort::datasets {

/// What the texts of records may hold, so that each value must be looked at for it.
struct TextCare {
  bool high_bytes = false;  ///< may be no UTF-8
  bool nul_bytes = false;

  void see(std::string_view text) {
    high_bytes = high_bytes || has_high_bytes(text);
    nul_bytes = nul_bytes || (!text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr);
  }
};

}  // namespace cohort::datasets

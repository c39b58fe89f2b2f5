// The file that holds the secret key of pseudonyms.
#pragma once

#include <filesystem>

#include "core/hmac.h"

namespace cohort::datasets {

/// A key has at least so many bytes.
inline constexpr std::size_t kLeastKeyBytes = 32;

/// Reads a key: hex or base64 text (white space doesn't count), or raw bytes. Local; every rank reads the file itself, so that the
/// key is never sent. Throws Error (usage), with the remedy and without a byte of the content: no such file, not a plain file, one that
/// group or others may read or write, empty, fewer than 32 bytes once decoded, over 4 KiB, a pass phrase, or bytes that are plainly not
/// random (fewer than 16 different ones).
core::Secret read_key_file(const std::filesystem::path& path);

}  // namespace cohort::datasets

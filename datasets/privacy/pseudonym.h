// Pseudonyms: identifiers replaced by HMAC-SHA-256 under a secret key. Same key, domain and value: same pseudonym, in every import and
// on every rank.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/hmac.h"

namespace cohort::datasets {

/// A key and its public name. Owns the secret. Thread-safe once made.
class PseudonymKey {
 public:
  /// Local. Throws Error (usage) as read_key_file does.
  static PseudonymKey load(const std::filesystem::path& path);
  /// Throws Error (usage) on fewer than 32 bytes.
  explicit PseudonymKey(core::Secret bytes);

  /// 16 hex digits: the first 8 bytes of HMAC(key, "cohort key id"). May be stored and shown: it tells whether two datasets were
  /// made under one key, and nothing of the key.
  const std::string& id() const { return id_; }

 private:
  friend class Pseudonymiser;
  core::Secret bytes_;
  std::string id_;
};

/// What of a text counts, so that one person has one pseudonym however a file writes the number: without ASCII white space at both
/// ends, and without the `.0` (or `.00` …) that spreadsheets and data frames add to whole numbers: `17850.0` is `17850`. Nothing else
/// is changed: case, leading zeros and signs count. A view into `text`.
std::string_view canonical_id(std::string_view text);

/// Pseudonyms of one domain. A domain ("customer") keeps apart what must not be linked: the same number as a customer and as a shop has
/// pseudonyms that have nothing in common. 17850 as an integer and "17850" as text have the same one.
///
///   domain key = HMAC(key, "cohort pseudonym 1" ‖ 00 ‖ domain)
///   pseudonym  = first 128 bits of HMAC(domain key, canonical text), as 26 characters a–z, 2–7 (base32 of RFC 4648, small letters,
///                no padding; safe in file names, spreadsheets and systems that ignore case)
///
/// Among n distinct values any two share a pseudonym with probability below n²/2^129: 1.5e-21 for a billion.
/// An object is used by one thread at a time. It doesn't allocate; about 0.2 µs a value up to 55 bytes.
class Pseudonymiser {
 public:
  static constexpr std::size_t kCharacters = 26;

  /// Throws Error (usage) on an empty domain.
  Pseudonymiser(const PseudonymKey& key, std::string_view domain);

  /// A view that holds until the next call. Empty for a text that is empty or blank: what is missing stays missing.
  std::string_view of_text(std::string_view text);
  std::string_view of_integer(int64_t value);
  std::string_view of_unsigned(uint64_t value);

 private:
  core::HmacSha256 hmac_;
  std::array<char, kCharacters> text_{};
};

}  // namespace cohort::datasets

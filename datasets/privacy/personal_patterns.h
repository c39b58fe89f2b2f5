// What in one value looks like personal data. Pure functions; no value leaves them but masked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cohort::datasets {

/// A value *is* one of the first ones (white space at its ends aside), or a longer text *holds* one of the last.
enum class Pattern : uint8_t {
  kEmail,
  kPhoneFormatted,  ///< +49 171 1234567, (212) 555-0123
  kPhoneNational,   ///< with separators: 212-555-0123, 0171 2345678, 06 12 34 56 78, 139-1234-5678
  kPhoneMobile,     ///< 13912345678 (mainland China), 86 before it or not
  kPhonePlain,      ///< 8 to 15 digits: means something only under a name such as "phone"
  kCard,
  kIban,
  kChineseId,
  kChineseId15,
  kTaiwanId,
  kSsn,
  kSsnPlain,  ///< nine digits: means something only under a name such as "ssn"
  kNino,
  kGermanTaxId,
  kNir,
  kDni,
  kFiscalCode,
  kCpf,
  kAadhaar,
  kIp,
  kHoldsEmail,
  kHoldsPhone,
  kHoldsCard,
  kHoldsIdentity,
};
inline constexpr std::size_t kPatterns = static_cast<std::size_t>(Pattern::kHoldsIdentity) + 1;
inline constexpr bool is_contained(Pattern pattern) { return pattern >= Pattern::kHoldsEmail; }

/// Bits by pattern. What holds has the form as well.
struct Recognised {
  uint32_t form = 0;
  uint32_t holds = 0;
  /// kPhoneMobile: the number's prefix, 30 … 99 for 130 … 199.
  uint8_t mobile_prefix = 0;
  /// Where the pattern of each kHolds… bit stands in the text.
  std::string_view email, phone, card, identity;

  bool has(Pattern pattern) const { return (form >> static_cast<unsigned>(pattern) & 1) != 0; }
  bool holds_it(Pattern pattern) const { return (holds >> static_cast<unsigned>(pattern) & 1) != 0; }
};

/// Whether a value could be any of them at all: 6 digits, four with three dots, or an @. About a nanosecond for eight bytes.
bool may_be_personal(std::string_view text);

Recognised recognise(std::string_view text);

/// Whether the whole text is an e-mail address: local part, @, a domain whose last label is letters. Names of images such as
/// icon@2x.png are none.
bool is_email(std::string_view text);

/// The text with everything hidden but its first and last letter or digit and its separators; of an address the first letter and the
/// top-level domain. At most 40 bytes.
std::string masked(std::string_view text);

}  // namespace cohort::datasets

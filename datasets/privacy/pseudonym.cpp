#include "datasets/privacy/pseudonym.h"

#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/privacy/key_file.h"

namespace cohort::datasets {
namespace {

bool is_id_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_id_digit(char c) { return c >= '0' && c <= '9'; }

core::HmacSha256 domain_hmac(std::span<const unsigned char> key, std::string_view domain) {
  if (domain.empty()) throw core::usage_error("a pseudonym needs a domain", "name what the values identify: pseudonym = \"customer\"");
  std::string message = "cohort pseudonym 1";
  message += '\0';
  message += domain;
  core::HmacSha256::Digest derived = core::HmacSha256(key).of(message);
  core::HmacSha256 hmac(derived);
  core::wipe(derived);
  return hmac;
}

}  // namespace

PseudonymKey PseudonymKey::load(const std::filesystem::path& path) { return PseudonymKey(read_key_file(path)); }

PseudonymKey::PseudonymKey(core::Secret bytes) : bytes_(std::move(bytes)) {
  if (bytes_.size() < kLeastKeyBytes) {
    throw core::usage_error(fmt::format("a key of {} bytes is too short; it needs at least {}", bytes_.size(), kLeastKeyBytes));
  }
  const core::HmacSha256::Digest digest = core::HmacSha256(std::as_const(bytes_).bytes()).of("cohort key id");
  for (std::size_t i = 0; i < 8; ++i) id_ += fmt::format("{:02x}", digest[i]);
}

std::string_view canonical_id(std::string_view text) {
  while (!text.empty() && is_id_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_id_space(text.back())) text.remove_suffix(1);
  std::size_t end = text.size();
  while (end > 0 && text[end - 1] == '0') --end;
  if (end == text.size() || end < 2 || text[end - 1] != '.') return text;
  const std::string_view whole = text.substr(0, end - 1);
  for (std::size_t i = whole.front() == '-' && whole.size() > 1 ? 1 : 0; i < whole.size(); ++i) {
    if (!is_id_digit(whole[i])) return text;
  }
  return whole;
}

Pseudonymiser::Pseudonymiser(const PseudonymKey& key, std::string_view domain) : hmac_(domain_hmac(key.bytes_.bytes(), domain)) {}

std::string_view Pseudonymiser::of_text(std::string_view text) {
  const std::string_view value = canonical_id(text);
  if (value.empty()) return {};
  const core::HmacSha256::Digest digest = hmac_.of(value);
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  uint32_t held = 0;
  int bits = 0;
  std::size_t next = 0;
  for (char& c : text_) {
    if (bits < 5) {
      // The 26th character ends with two bits of the 17th byte set to zero, as base32 fills up.
      held = held << 8 | (next < 16 ? digest[next] : 0u);
      ++next;
      bits += 8;
    }
    bits -= 5;
    c = kAlphabet[held >> bits & 31];
  }
  return {text_.data(), text_.size()};
}

std::string_view Pseudonymiser::of_integer(int64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return of_text({text.data(), static_cast<std::size_t>(end - text.data())});
}

std::string_view Pseudonymiser::of_unsigned(uint64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return of_text({text.data(), static_cast<std::size_t>(end - text.data())});
}

}  // namespace cohort::datasets

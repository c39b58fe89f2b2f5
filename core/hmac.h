// HMAC-SHA-256 (RFC 2104, FIPS 198-1), and memory for keys that is wiped when it goes.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

struct evp_mac_ctx_st;

namespace cohort::core {

/// Overwrites the bytes with zeros in a way that no compiler leaves out.
void wipe(std::span<unsigned char> bytes);

/// Owns bytes that nobody else may see. Never copied, never grown, so that no second copy is left behind; wiped at the end.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size);  ///< zeros
  explicit Secret(std::span<const unsigned char> bytes);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  std::size_t size() const { return size_; }
  std::span<unsigned char> bytes() { return {bytes_.get(), size_}; }
  std::span<const unsigned char> bytes() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<unsigned char[]> bytes_;
  std::size_t size_ = 0;
};

/// One key, any number of messages. Owns a context of OpenSSL, which wipes what it holds of the key. An object is used by one
/// thread at a time. Throws Error (failed) where OpenSSL fails.
class HmacSha256 {
 public:
  static constexpr std::size_t kBytes = 32;
  using Digest = std::array<unsigned char, kBytes>;

  explicit HmacSha256(std::span<const unsigned char> key);

  Digest of(std::string_view message);

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

}  // namespace cohort::core

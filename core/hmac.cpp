#include "core/hmac.h"

#include <algorithm>
#include <string>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "core/error.h"

namespace cohort::core {
namespace {

void check_mac(int status, const char* call) {
  if (status != 1) throw failed_error(std::string(call) + " failed while computing an HMAC-SHA-256");
}

}  // namespace

void wipe(std::span<unsigned char> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

Secret::Secret(std::size_t size) : bytes_(std::make_unique<unsigned char[]>(size)), size_(size) {}

Secret::Secret(std::span<const unsigned char> bytes) : Secret(bytes.size()) { std::copy(bytes.begin(), bytes.end(), bytes_.get()); }

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

Secret::~Secret() {
  if (bytes_) wipe(bytes());
}

void HmacSha256::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

HmacSha256::HmacSha256(std::span<const unsigned char> key) {
  EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (algorithm == nullptr) throw failed_error("this OpenSSL has no HMAC");
  context_.reset(EVP_MAC_CTX_new(algorithm));
  EVP_MAC_free(algorithm);  // the context holds a reference of its own
  if (!context_) throw failed_error("EVP_MAC_CTX_new failed: out of memory");
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  // A null pointer would mean "the key of before", also with no bytes.
  const unsigned char none = 0;
  check_mac(EVP_MAC_init(context_.get(), key.empty() ? &none : key.data(), key.size(), parameters), "EVP_MAC_init");
}

HmacSha256::Digest HmacSha256::of(std::string_view message) {
  Digest digest;
  std::size_t size = 0;
  // Without a key: starts over from the hashed key that the context keeps.
  check_mac(EVP_MAC_init(context_.get(), nullptr, 0, nullptr), "EVP_MAC_init");
  check_mac(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(message.data()), message.size()), "EVP_MAC_update");
  check_mac(EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()), "EVP_MAC_final");
  return digest;
}

}  // namespace cohort::core

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/durable_file.h"
#include "core/error.h"

namespace cohort::core {
namespace {

EVP_MD_CTX* as_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void check_digest(int status, const char* call) {
  if (status != 1) throw failed_error(fmt::format("{} failed while computing a SHA-256", call));
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw failed_error("EVP_MD_CTX_new failed: out of memory");
  if (EVP_DigestInit_ex(as_context(context_), EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(as_context(context_));
    throw failed_error("EVP_DigestInit_ex failed: this OpenSSL has no SHA-256");
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(as_context(context_)); }

void Sha256::update(const void* data, std::size_t bytes) {
  check_digest(EVP_DigestUpdate(as_context(context_), data, bytes), "EVP_DigestUpdate");
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  check_digest(EVP_DigestFinal_ex(as_context(context_), digest.data(), &size), "EVP_DigestFinal_ex");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR)
      throw usage_error(fmt::format("there is no file {}", path.string()), "check the path for a typing mistake");
    throw system_error(fmt::format("cannot open {}", path.string()), errno);
  }
  Sha256 hash;
  std::vector<char> block(std::size_t{1} << 20);
  for (;;) {
    const std::size_t got = std::fread(block.data(), 1, block.size(), file.get());
    hash.update(block.data(), got);
    if (got < block.size()) break;
  }
  if (std::ferror(file.get())) throw system_error(fmt::format("cannot read {}", path.string()), errno);
  return hash.hex();
}

}  // namespace cohort::core

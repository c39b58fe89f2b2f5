#include "datasets/store/identity.h"

#include "core/durable_file.h"
#include "datasets/store/hash_state.h"

namespace cohort::datasets {
namespace {

class Stream {
 public:
  Stream() : state_(make_hash_state()) { XXH3_128bits_reset(state_.get()); }
  void update(const void* data, std::size_t bytes) {
    if (bytes > 0) XXH3_128bits_update(state_.get(), data, bytes);
  }
  std::string hex() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned char byte : canonical.digest) {
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    return text;
  }

 private:
  HashState state_;
};

}  // namespace

struct ContentHasher::Impl {
  struct Streams {
    Stream values;
    Stream lengths;
    bool ragged;
  };
  std::vector<Streams> columns;
  Stream rows;
};

ContentHasher::ContentHasher(const Schema& schema) : impl_(std::make_unique<Impl>()) {
  for (const Column& column : schema.columns) impl_->columns.push_back({Stream(), Stream(), is_ragged(column)});
}
ContentHasher::~ContentHasher() = default;

void ContentHasher::update(std::size_t column, std::span<const std::byte> values) {
  impl_->columns[column].values.update(values.data(), values.size());
}

void ContentHasher::update_text(std::size_t column, const std::string& value) {
  const int64_t length = static_cast<int64_t>(value.size());
  impl_->columns[column].lengths.update(&length, sizeof length);
  impl_->columns[column].values.update(value.data(), value.size());
}

void ContentHasher::update_rows(std::span<const uint64_t> rows) { impl_->rows.update(rows.data(), rows.size_bytes()); }

std::vector<std::string> ContentHasher::hashes() const {
  std::vector<std::string> result;
  for (const Impl::Streams& column : impl_->columns) {
    result.push_back(column.ragged ? column.lengths.hex() + column.values.hex() : column.values.hex());
  }
  result.push_back(impl_->rows.hex());
  return result;
}

std::string identity_of(const Schema& schema, const std::vector<std::string>& column_hashes, const PartRows& parts) {
  nlohmann::ordered_json json = to_json(schema);
  for (auto& column : json["columns"]) column.erase("missing");
  json["hashes"] = column_hashes;
  json["parts"] = nlohmann::ordered_json::array();
  for (const auto& [part, rows] : parts) json["parts"].push_back({part, rows});
  return core::sha256_hex(json.dump());
}

}  // namespace cohort::datasets

#include "core/error.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cohort::core {
namespace {

/// Fields of a serialised error: each its length in decimal, a colon and its bytes, so that any bytes may stand in a
/// message.
void put(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}
void put(std::string& out, int field) { put(out, std::to_string(field)); }

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::string> text() {
    std::size_t size = 0;
    const char* end = bytes_.data() + bytes_.size();
    const auto [colon, status] = std::from_chars(bytes_.data(), end, size);
    if (status != std::errc() || colon == end || *colon != ':') return std::nullopt;
    bytes_.remove_prefix(static_cast<std::size_t>(colon + 1 - bytes_.data()));
    if (size > bytes_.size()) return std::nullopt;
    std::string field(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return field;
  }
  std::optional<int> number() {
    const auto field = text();
    int value = 0;
    if (!field || std::from_chars(field->data(), field->data() + field->size(), value).ec != std::errc()) return std::nullopt;
    return value;
  }

 private:
  std::string_view bytes_;
};

std::string remedy_for(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
      return "free space on this disk, or write to another one";
    case EDQUOT:
      return "your disk quota is used up: delete what you don't need, or write elsewhere";
    case EFBIG:
      return "the file is larger than this file system or your limit (ulimit -f) allows: write elsewhere or raise the limit";
    case EACCES:
    case EPERM:
      return "check owner and permissions of the file and of its folder, or choose a folder that you may write to";
    case EROFS:
      return "this file system is mounted read-only: choose another folder";
    case EMFILE:
    case ENFILE:
      return "too many files are open: raise the limit (ulimit -n)";
    case ENOENT:
      return "check the path for a typing mistake";
    case ENOTDIR:
      return "a part of the path is a file where a folder is needed";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EIO:
      return "the disk or the network file system reports a fault: see the system's log (dmesg)";
    case ESTALE:
      return "the network file system lost the file: mount it again, then repeat the command";
    case ENOMEM:
      return "the machine is out of memory: end other programs or use a larger machine";
    default:
      return {};
  }
}

}  // namespace

std::string Place::str() const {
  if (line <= 0) return file;
  if (column <= 0) return fmt::format("{}:{}", file, line);
  return fmt::format("{}:{}:{}", file, line, column);
}

Error::Error(Exit exit, std::string message, std::string remedy)
    : exit_(exit), message_(std::move(message)), remedy_(std::move(remedy)) {
  format();
}

Error& Error::at(Place place) {
  if (place_.empty()) place_ = std::move(place);
  format();
  return *this;
}

Error& Error::within(std::string context) {
  contexts_.push_back(std::move(context));
  format();
  return *this;
}

Error& Error::known_everywhere() {
  everywhere_ = true;
  return *this;
}

Error& Error::on_rank(int rank) {
  rank_ = rank;
  format();
  return *this;
}

Error Error::report(Exit exit, std::string text) {
  Error error(exit, std::move(text));
  error.preformatted_ = true;
  error.format();
  return error;
}

void Error::format() {
  text_.clear();
  if (rank_ >= 0) text_ += fmt::format("rank {}: ", rank_);
  if (!preformatted_) {
    if (!place_.empty()) text_ += place_.str() + ": ";
    text_ += "error: ";
  }
  text_ += message_;
  for (const std::string& context : contexts_) text_ += "\n  " + context;
  if (!remedy_.empty()) text_ += "\n  remedy: " + remedy_;
}

std::string Error::serialize() const {
  std::string out;
  put(out, static_cast<int>(exit_));
  put(out, message_);
  put(out, remedy_);
  put(out, place_.file);
  put(out, place_.line);
  put(out, place_.column);
  put(out, rank_);
  put(out, everywhere_ ? 1 : 0);
  put(out, preformatted_ ? 1 : 0);
  put(out, static_cast<int>(contexts_.size()));
  for (const std::string& context : contexts_) put(out, context);
  return out;
}

Error Error::deserialize(const std::string& bytes) {
  FieldReader reader(bytes);
  const auto exit = reader.number();
  const auto message = reader.text(), remedy = reader.text(), file = reader.text();
  const auto line = reader.number(), column = reader.number(), rank = reader.number();
  const auto everywhere = reader.number(), preformatted = reader.number(), contexts = reader.number();
  if (!exit || !message || !remedy || !file || !line || !column || !rank || !everywhere || !preformatted || !contexts)
    return failed_error("another rank failed, but its message did not arrive whole", "see the log files of the other ranks");
  Error error(static_cast<Exit>(*exit), *message, *remedy);
  error.place_ = {*file, *line, *column};
  error.rank_ = *rank;
  error.everywhere_ = *everywhere != 0;
  error.preformatted_ = *preformatted != 0;
  for (int i = 0; i < *contexts; ++i)
    if (const auto context = reader.text()) error.contexts_.push_back(*context);
  error.format();
  return error;
}

Error usage_error(std::string message, std::string remedy) {
  return Error(Exit::kUsage, std::move(message), std::move(remedy));
}
Error damaged_error(std::string message, std::string remedy) {
  return Error(Exit::kDamaged, std::move(message), std::move(remedy));
}
Error failed_error(std::string message, std::string remedy) {
  return Error(Exit::kFailed, std::move(message), std::move(remedy));
}

Error system_error(std::string message, int errno_value) {
  return failed_error(fmt::format("{}: {}", message, std::strerror(errno_value)), remedy_for(errno_value));
}

}  // namespace cohort::core

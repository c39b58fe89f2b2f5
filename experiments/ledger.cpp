#include "experiments/ledger.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "core/durable_file.h"
#include "core/error.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStartAnew = "the run's record of rows can't be trusted: train again";

std::string checksum(std::string_view text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

bool ends_within_line(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream || stream.tellg() <= 0) return false;
  stream.seekg(-1, std::ios::end);
  return stream.get() != '\n';
}

/// The object of a line whose checksum fits.
std::optional<nlohmann::json> parse_line(const std::string& line) {
  const std::size_t end = line.rfind(",\"check\":\"");
  if (end == std::string::npos || line.substr(end) != ",\"check\":\"" + checksum(std::string_view(line).substr(0, end)) + "\"}") return std::nullopt;
  nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

bool parse_sum(const std::string& hex, datasets::RowSum& sum) {
  if (hex.size() != 32) return false;
  for (const char c : hex) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return false;
    sum.sum = sum.sum << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

/// Takes line after line.
class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file) {}

  void take(const std::string& line) {
    ++number_;
    const auto json = parse_line(line);
    if (!json) {
      // Right only as the end of an attempt.
      if (broken_ != 0) fail(broken_, "the line is damaged");
      broken_ = number_;
      return;
    }
    const bool begins = json->contains("from_step");
    if (broken_ != 0 && !begins) fail(broken_, "the line is damaged");
    broken_ = 0;
    try {
      if (begins) begin(*json);
      else add(*json);
    } catch (const nlohmann::json::exception&) {
      fail(number_, "the line lacks what it should have");
    }
  }

  /// `cut_off`: the file ends within a line.
  std::vector<LedgerAttempt> finish(bool cut_off) {
    if (broken_ != 0 && !cut_off) fail(broken_, "the line is damaged");
    return std::move(attempts_);
  }

 private:
  [[noreturn]] void fail(int line, const std::string& message) const {
    throw core::damaged_error(message, kStartAnew).at({file_.string(), line, 0});
  }

  void begin(const nlohmann::json& json) {
    LedgerAttempt attempt;
    attempt.attempt = json.at("attempt").get<int>();
    attempt.from_step = json.at("from_step").get<uint64_t>();
    attempt.seed = json.at("seed").get<int64_t>();
    if (!attempts_.empty() && attempt.attempt <= attempts_.back().attempt) fail(number_, "attempts are out of order");
    attempts_.push_back(std::move(attempt));
  }

  void add(const nlohmann::json& json) {
    LedgerAttempt::Step step;
    step.epoch = json.at("epoch").get<uint64_t>();
    step.used.rows = json.at("rows").get<uint64_t>();
    if (!parse_sum(json.at("sum").get<std::string>(), step.used)) fail(number_, "the sum is no number of 32 hex digits");
    const auto number = json.at("step").get<uint64_t>();
    if (attempts_.empty() || json.at("attempt").get<int>() != attempts_.back().attempt) fail(number_, "the line belongs to an attempt that didn't begin");
    LedgerAttempt& attempt = attempts_.back();
    if (number != attempt.from_step + attempt.steps.size())
      fail(number_, fmt::format("step {} stands where step {} should", number, attempt.from_step + attempt.steps.size()));
    attempt.steps.push_back(step);
  }

  const fs::path& file_;
  std::vector<LedgerAttempt> attempts_;
  int number_ = 0;
  int broken_ = 0;  ///< a line that can't be read, if the last one is such
};

}  // namespace

std::FILE* append_lines(const fs::path& file) {
  const bool torn = ends_within_line(file);
  std::FILE* stream = std::fopen(file.c_str(), "ab");
  if (stream == nullptr) throw core::system_error("can't open " + file.string(), errno);
  if (torn) std::fputc('\n', stream);
  return stream;
}

LedgerWriter::LedgerWriter(fs::path file) : file_(std::move(file)), stream_(append_lines(file_)) {}

LedgerWriter::~LedgerWriter() { std::fclose(stream_); }

void LedgerWriter::put(std::string line) {
  line += ",\"check\":\"" + checksum(line) + "\"}\n";
  if (std::fwrite(line.data(), 1, line.size(), stream_) != line.size() || std::fflush(stream_) != 0) throw core::system_error("can't write " + file_.string(), errno);
}

void LedgerWriter::begin(int attempt, uint64_t step, int64_t seed) {
  put(fmt::format(R"({{"attempt":{},"from_step":{},"seed":{})", attempt, step, seed));
}

void LedgerWriter::add(int attempt, uint64_t step, uint64_t epoch, const datasets::RowSum& sum) {
  put(fmt::format(R"({{"attempt":{},"step":{},"epoch":{},"rows":{},"sum":"{}")", attempt, step, epoch, sum.rows, sum.hex()));
}

void LedgerWriter::sync() {
  if (::fsync(::fileno(stream_)) != 0) throw core::system_error("can't write " + file_.string(), errno);
  core::sync_path(file_.parent_path());
}

std::vector<LedgerAttempt> read_ledger(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw core::usage_error("there is no " + file.string(), "name the folder of a run that got to its first step");
  Reader reader(file);
  for (std::string line; std::getline(stream, line);) reader.take(line);
  if (stream.bad()) throw core::system_error("can't read " + file.string(), errno);
  return reader.finish(ends_within_line(file));
}

std::vector<LedgerAttempt::Step> steps_that_count(const std::vector<LedgerAttempt>& attempts, const fs::path& file) {
  std::vector<LedgerAttempt::Step> steps;
  for (const LedgerAttempt& attempt : attempts) {
    if (attempt.from_step > steps.size())
      throw core::damaged_error(fmt::format("attempt {} went on from step {}, but the steps from {} on have no line", attempt.attempt, attempt.from_step, steps.size()),
                                kStartAnew)
          .at({file.string(), 0, 0});
    steps.resize(attempt.from_step);
    steps.insert(steps.end(), attempt.steps.begin(), attempt.steps.end());
  }
  return steps;
}

}  // namespace cohort::experiments

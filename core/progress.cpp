#include "core/progress.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"
#include "core/terminal.h"

namespace cohort::core {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kTerminalInterval{0.1};
constexpr Seconds kLogInterval{10.0};

/// 1234567 → "1,234,567".
std::string grouped(uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

/// Seconds as m:ss or h:mm:ss.
std::string clock(double seconds) {
  const auto s = static_cast<uint64_t>(seconds + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

/// The first `width` characters, never cutting inside one.
std::string clipped(const std::string& text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++characters > width) return text.substr(0, i);
  return text;
}

}  // namespace

Progress::Progress(std::string title, uint64_t total, std::string unit)
    : title_(std::move(title)), unit_(std::move(unit)), total_(total), start_(std::chrono::steady_clock::now()), printed_(start_),
      terminal_(shows_on_terminal()), active_(progress_enabled()) {}

Progress::~Progress() {
  // Left by an exception: the message that follows begins on a clean line.
  if (active_ && terminal_ && !finished_) std::fputs("\r\033[K", stderr);
}

void Progress::update(uint64_t done, const std::string& note) {
  done_ = done;
  if (!active_ || finished_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - printed_ < (terminal_ ? kTerminalInterval : kLogInterval)) return;
  printed_ = now;
  note_ = note;
  print(false);
}

void Progress::finish(const std::string& note) {
  if (!active_ || finished_) return;
  note_ = note;
  print(true);
  finished_ = true;
}

void Progress::print(bool last) {
  const double elapsed = Seconds(std::chrono::steady_clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = title_ + "  ";
  if (total_ > 0) {
    const auto percent = static_cast<int>(100.0 * static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_));
    line += fmt::format("{:3}%  {}/{} {}", percent, grouped(done_), grouped(total_), unit_);
  } else {
    line += fmt::format("{} {}", grouped(done_), unit_);
  }
  if (rate >= 10) line += fmt::format("  {} {}/s", grouped(static_cast<uint64_t>(rate)), unit_);
  else if (rate > 0) line += fmt::format("  {:.2g} {}/s", rate, unit_);
  if (last) line += "  in " + clock(elapsed);
  else if (total_ > done_ && rate > 0) line += "  ETA " + clock(static_cast<double>(total_ - done_) / rate);
  if (!note_.empty()) line += "  " + note_;
  if (!terminal_) {
    spdlog::info("{}", line);
    return;
  }
  // A line as wide as the terminal would wrap.
  const std::string text = "\r\033[K" + clipped(line, terminal_width() - 1) + (last ? "\n" : "");
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace cohort::core

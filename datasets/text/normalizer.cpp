#include "datasets/text/normalizer.h"

#include <algorithm>
#include <array>
#include <span>

#include <utf8proc.h>

#include "core/error.h"
#include "datasets/text/code_points.h"

namespace cohort::datasets {
namespace {

constexpr char32_t kEntries = 0x10000;
using RawPoints = std::vector<utf8proc_int32_t>;

/// What one code point becomes by `options`, appended; utf8proc applies them to the result again.
void append_decomposed(char32_t point, int options, RawPoints& out) {
  std::array<utf8proc_int32_t, 32> parts{};  // the longest, U+FDFA, has 18
  int last_class = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point), parts.data(), parts.size(),
                                                         static_cast<utf8proc_option_t>(options), &last_class);
  if (count < 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
    throw core::failed_error(std::string("a character can't be normalised: ") + utf8proc_errmsg(std::min<utf8proc_ssize_t>(count, 0)));
  }
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

int combining_class(utf8proc_int32_t point) { return utf8proc_get_property(point)->combining_class; }

/// Canonical order (UAX #15 § 3.11). utf8proc has it too, but takes quadratic time for a hostile run of marks.
void order_marks(RawPoints& points) {
  for (auto begin = points.begin(); begin != points.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, points.end(), [](utf8proc_int32_t point) { return combining_class(point) == 0; });
    std::stable_sort(begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
}

std::vector<char32_t> to_nfkc(const std::vector<char32_t>& points) {
  RawPoints raw;
  for (char32_t point : points) append_decomposed(point, UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, raw);
  order_marks(raw);
  const utf8proc_ssize_t size = utf8proc_normalize_utf32(raw.data(), static_cast<utf8proc_ssize_t>(raw.size()),
                                                         static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size < 0) throw core::failed_error(std::string("a text can't be normalised: ") + utf8proc_errmsg(size));
  return {raw.begin(), raw.begin() + size};
}

std::vector<char32_t> to_folded(const std::vector<char32_t>& points) {
  RawPoints raw;
  for (char32_t point : points) append_decomposed(point, UTF8PROC_CASEFOLD, raw);
  return {raw.begin(), raw.end()};
}

/// Marks the code points that may change in, or change, what stands before them: those with a combining class, and those that any
/// canonical decomposition holds in another place than its first.
std::vector<bool> derive_followers() {
  std::vector<bool> follows(0x110000, false);
  RawPoints parts;
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (combining_class(static_cast<utf8proc_int32_t>(point)) != 0) follows[point] = true;
    parts.clear();
    append_decomposed(point, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, parts);
    for (std::size_t i = 1; i < parts.size(); ++i) follows[static_cast<std::size_t>(parts[i])] = true;
  }
  return follows;
}

const std::vector<bool>& followers() {
  static const std::vector<bool> follows = derive_followers();
  return follows;
}

}  // namespace

Normalizer::Normalizer(const NormalizerOptions& options) : options_(options) {
  const std::vector<bool>& follows = followers();
  entries_.resize(kEntries);
  for (char32_t point = 0; point < kEntries; ++point) {
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;  // never met: such text is no UTF-8
    entries_[point] = surrogate ? kRemoved : entry_of(point, follows);
  }
}

void Normalizer::transform(const std::vector<char32_t>& in, std::vector<char32_t>& out) const {
  out = options_.nfkc ? to_nfkc(in) : in;
  if (!options_.fold_case) return;
  out = to_folded(out);
  if (options_.nfkc) out = to_nfkc(out);
}

uint32_t Normalizer::entry_of(char32_t point, const std::vector<bool>& follows) {
  if (options_.strip_controls && class_of(point) == CharClass::kControl) return kRemoved;
  const std::vector<char32_t> alone{point};
  if (options_.nfkc) {
    // Apart from its neighbours in every step: what the step begins with must not look back.
    RawPoints parts;
    append_decomposed(point, UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, parts);
    if (follows[point] || follows[static_cast<std::size_t>(parts.at(0))]) return kContext;
    if (options_.fold_case) {
      const std::vector<char32_t> folded = to_folded(to_nfkc(alone));
      parts.clear();
      append_decomposed(folded.at(0), UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, parts);
      if (follows[folded[0]] || follows[static_cast<std::size_t>(parts.at(0))]) return kContext;
    }
  }
  std::vector<char32_t> result;
  transform(alone, result);
  if (result.size() == 1) return static_cast<uint32_t>(result[0]);
  sequences_.push_back(std::move(result));
  return kSequence | static_cast<uint32_t>(sequences_.size() - 1);
}

/// One text on its way. A code point is held back until it is known that the next one doesn't act on it.
class Normalizer::Pass {
 public:
  Pass(const Normalizer& rules, std::vector<char32_t>& out) : rules_(rules), out_(out) { out_.clear(); }

  void run(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const char32_t point = next_point(text, at);
      if (point < kEntries) {
        const uint32_t entry = rules_.entries_[point];
        if (entry == kRemoved) continue;
        if (entry != kContext) {
          release();
          held_.push_back(point);
          continue;
        }
      } else if (rules_.options_.strip_controls && class_of(point) == CharClass::kControl) {
        continue;
      }
      held_.push_back(point);
      context_ = true;
    }
    release();
    if (rules_.options_.collapse_space && !out_.empty() && out_.back() == U' ') out_.pop_back();
  }

 private:
  void release() {
    if (context_) {
      rules_.transform(held_, changed_);
      for (char32_t point : changed_) put(point);
      context_ = false;
    } else if (!held_.empty()) {
      const uint32_t entry = rules_.entries_[held_[0]];
      if ((entry & kSequence) == 0) {
        put(entry);
      } else {
        for (char32_t point : rules_.sequences_[entry & ~kSequence]) put(point);
      }
    }
    held_.clear();
  }

  void put(char32_t point) {
    if (rules_.options_.collapse_space && class_of(point) == CharClass::kSpace) {
      if (!out_.empty() && out_.back() != U' ') out_.push_back(U' ');
      return;
    }
    out_.push_back(point);
  }

  const Normalizer& rules_;
  std::vector<char32_t>& out_;
  std::vector<char32_t> held_, changed_;
  bool context_ = false;
};

void Normalizer::normalise(std::string_view text, std::vector<char32_t>& points) const { Pass(*this, points).run(text); }

}  // namespace cohort::datasets

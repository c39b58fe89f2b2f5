#include "datasets/privacy/personal_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <iterator>

#include "datasets/privacy/identity_numbers.h"

namespace cohort::datasets {
namespace {

bool text_digit(char c) { return c >= '0' && c <= '9'; }
bool text_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool word_character(char c) { return text_digit(c) || text_letter(c) || c == '_'; }
bool local_character(char c) { return word_character(c) || std::string_view(".!#$%&'*+/=?^`{|}~-").find(c) != std::string_view::npos; }
bool domain_character(char c) { return text_digit(c) || text_letter(c) || c == '.' || c == '-'; }
bool phone_separator(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')'; }

/// The last label of what are names of images in two resolutions, not addresses.
bool is_image_ending(std::string_view label) {
  constexpr std::array<std::string_view, 7> endings{"png", "jpg", "jpeg", "gif", "svg", "webp", "pdf"};
  return std::find(endings.begin(), endings.end(), label) != endings.end();
}

bool is_domain(std::string_view text) {
  std::size_t labels = 0;
  std::string_view last;
  while (true) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    last = text.substr(0, dot);
    if (last.empty() || last.size() > 63 || last.front() == '-' || last.back() == '-') return false;
    ++labels;
    if (dot == text.size()) break;
    text.remove_prefix(dot + 1);
  }
  const bool word = std::all_of(last.begin(), last.end(), text_letter);
  return labels >= 2 && last.size() >= 2 && (word || last.starts_with("xn--")) && !is_image_ending(last);
}

void note_inside(Recognised& result, Pattern pattern, Match match, std::string_view Recognised::*where, std::string_view found) {
  if (match == Match::kNo) return;
  const uint32_t bit = 1u << static_cast<unsigned>(pattern);
  result.form |= bit;
  if (match != Match::kHolds || (result.holds & bit) != 0) return;
  result.holds |= bit;
  result.*where = found;
}

void look_for_email(std::string_view text, Recognised& result) {
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t first = at, end = at + 1;
    while (first > 0 && at - first < 64 && local_character(text[first - 1])) --first;
    while (end < text.size() && end - at < 255 && domain_character(text[end])) ++end;
    // Punctuation around the address in a sentence.
    while (first < at && !word_character(text[first])) ++first;
    while (end > at + 1 && !word_character(text[end - 1])) --end;
    const std::string_view found = text.substr(first, end - first);
    if (!is_email(found)) continue;
    return note_inside(result, Pattern::kHoldsEmail, Match::kHolds, &Recognised::email, found);
  }
}

/// The length of a number from text[first] (a digit) on whose groups of digits have these sizes, with one of `separators`
/// between them; 0 where it isn't.
std::size_t grouped(std::string_view text, std::size_t first, std::initializer_list<std::size_t> sizes, std::string_view separators) {
  std::size_t i = first;
  for (const std::size_t size : sizes) {
    if (i != first) {
      if (i >= text.size() || separators.find(text[i]) == std::string_view::npos) return 0;
      ++i;
    }
    for (std::size_t k = 0; k < size; ++k, ++i) {
      if (i >= text.size() || !text_digit(text[i])) return 0;
    }
  }
  const bool goes_on = i < text.size() && (word_character(text[i]) || (text[i] == '-' && i + 1 < text.size() && text_digit(text[i + 1])));
  return goes_on ? 0 : i - first;
}

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), text_digit);
  return digits;
}

void look_at_groups(std::string_view text, std::size_t first, Recognised& result) {
  if (const std::size_t size = grouped(text, first, {3, 2, 4}, "-"); size > 0) {
    const std::string_view found = text.substr(first, size);
    return note_inside(result, Pattern::kHoldsIdentity, us_ssn(digits_of(found)), &Recognised::identity, found);
  }
  std::size_t start = first;
  std::size_t size = grouped(text, first, {3, 3, 4}, "-.");
  if (size == 0 && first > 0 && text[first - 1] == '(' && first + 3 < text.size() && text[first + 3] == ')') {
    std::size_t rest = first + 4;
    if (rest < text.size() && text[rest] == ' ') ++rest;
    const std::size_t tail = grouped(text, rest, {3, 4}, "-. ");
    start = first - 1;
    size = tail == 0 ? 0 : rest + tail - start;
  }
  if (size == 0) return;
  const std::string_view found = text.substr(start, size);
  if (is_american_phone(digits_of(found))) note_inside(result, Pattern::kHoldsPhone, Match::kHolds, &Recognised::phone, found);
}

/// A run of digits that stands by itself.
void look_at_run(std::string_view text, std::size_t first, std::size_t end, Recognised& result) {
  const std::string_view run = text.substr(first, end - first);
  const bool letter_x =
      end < text.size() && (text[end] == 'X' || text[end] == 'x') && (end + 1 == text.size() || !word_character(text[end + 1]));
  if (run.size() == 17 && letter_x) {
    const std::string id = std::string(run) + "X";
    return note_inside(result, Pattern::kHoldsIdentity, chinese_id(id), &Recognised::identity, text.substr(first, 18));
  }
  if (end < text.size() && word_character(text[end])) return;
  // A decimal number.
  if (end + 1 < text.size() && text[end] == '.' && text_digit(text[end + 1]) && run.size() != 3) return;
  if (first > 1 && text[first - 1] == '.' && text_digit(text[first - 2])) return;
  switch (run.size()) {
    case 3: return look_at_groups(text, first, result);
    case 11: return note_inside(result, Pattern::kHoldsPhone, chinese_mobile(run), &Recognised::phone, run);
    case 18: note_inside(result, Pattern::kHoldsIdentity, chinese_id(run), &Recognised::identity, run); break;
    default: break;
  }
  if (run.size() == 13 && run.starts_with("86")) {
    note_inside(result, Pattern::kHoldsPhone, chinese_mobile(run.substr(2)), &Recognised::phone, run);
  }
  note_inside(result, Pattern::kHoldsCard, card_number(run), &Recognised::card, run);
}

/// From a plus on: digits and single separators, as far as they go.
std::size_t phone_end(std::string_view text, std::size_t plus) {
  std::size_t end = plus + 1;
  for (std::size_t i = plus + 1; i < text.size(); ++i) {
    if (text_digit(text[i])) end = i + 1;
    else if (!phone_separator(text[i])) break;
  }
  return end;
}

void look_for_numbers(std::string_view text, Recognised& result) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '+' && (i == 0 || !word_character(text[i - 1]))) {
      const std::size_t end = phone_end(text, i);
      const std::string_view found = text.substr(i, end - i);
      if (is_international_phone(found)) {
        note_inside(result, Pattern::kHoldsPhone, Match::kHolds, &Recognised::phone, found);
        i = end;
        continue;
      }
    }
    if (!text_digit(text[i])) {
      ++i;
      continue;
    }
    const std::size_t first = i;
    while (i < text.size() && text_digit(text[i])) ++i;
    const bool inside_word =
        first > 0 && (word_character(text[first - 1]) || (text[first - 1] == '-' && first > 1 && text_digit(text[first - 2])));
    if (!inside_word) look_at_run(text, first, i, result);
  }
}

}  // namespace

bool is_american_phone(std::string_view digits) {
  if (digits.size() != 10 || digits[0] < '2' || digits[3] < '2') return false;
  // N11 is a service; the areas are toll-free lines (and 400, which is that in China).
  static constexpr std::string_view kShared = "400 800 833 844 855 866 877 888 900 ";
  return !(digits[1] == '1' && digits[2] == '1') && !(digits[4] == '1' && digits[5] == '1') &&
         kShared.find(digits.substr(0, 3)) == std::string_view::npos;
}

bool is_international_phone(std::string_view text) {
  if (text.empty() || text[0] != '+' || !text_digit(text.back())) return false;
  std::size_t digits = 0, dots = 0, others = 0, run = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text_digit(text[i])) {
      if (digits == 0 && text[i] == '0') return false;
      ++digits;
      run = 0;
    } else if (!phone_separator(text[i]) || ++run > 2) {
      return false;
    } else {
      ++(text[i] == '.' ? dots : others);
    }
  }
  // Bare digits behind a plus may be a signed number; few telephone numbers have fewer than ten with the country's.
  const bool bare = dots + others == 0;
  return digits >= (bare ? 10u : 8u) && digits <= 15 && !(dots == 1 && others == 0);
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254) return false;
  const std::string_view local = text.substr(0, at), domain = text.substr(at + 1);
  return local.front() != '.' && local.back() != '.' && std::all_of(local.begin(), local.end(), local_character) &&
         std::all_of(domain.begin(), domain.end(), domain_character) && is_domain(domain);
}

void look_inside(std::string_view text, Recognised& result) {
  if (text.size() < 6) return;
  look_for_email(text, result);
  look_for_numbers(text, result);
}

std::string masked(std::string_view text) {
  constexpr std::size_t most = 40;
  const auto visible = [](char c) { return text_digit(c) || text_letter(c); };
  if (const std::size_t at = text.find('@'); at != std::string_view::npos && is_email(text)) {
    const std::string_view ending = text.substr(text.rfind('.'));
    const std::string first = visible(text[0]) ? std::string(1, text[0]) : std::string();
    return first + "***@***" + std::string(ending.size() > 16 ? ".***" : ending);
  }
  std::string result;
  std::size_t first = text.size(), last = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!visible(text[i])) continue;
    first = std::min(first, i);
    last = i;
  }
  for (std::size_t i = 0; i < text.size() && result.size() < most; ++i) {
    const char c = text[i];
    const bool shown = i == first || (i == last && last - first >= 4) || phone_separator(c) || c == '+' || c == ':';
    if (shown) result += c;
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) result += '*';  // one for each character of UTF-8
  }
  return result;
}

}  // namespace cohort::datasets

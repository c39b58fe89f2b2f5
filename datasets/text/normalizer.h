// One spelling for what is one text: compatibility forms, letter case, white space, invisible characters.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cohort::datasets {

/// The steps in their order. Each looks at the result of the one before it.
struct NormalizerOptions {
  bool strip_controls = true;  ///< leaves out CharClass::kControl: control and format characters (U+FEFF), variation selectors
  bool nfkc = true;            ///< Unicode normalisation form KC (UAX #15)
  bool fold_case = true;       ///< full case folding (Unicode § 3.13, without the Turkic rules), and KC again where that is asked for
  bool collapse_space = true;  ///< runs of CharClass::kSpace become one U+0020; none at either end
};

/// Const calls are thread-safe. Nearly all characters are one look-up in a table of what each becomes by itself; only those that may act on
/// what stands before them (combining marks, parts of Hangul syllables), and those beyond U+FFFF, go through utf8proc, together with the
/// character before them.
class Normalizer {
 public:
  explicit Normalizer(const NormalizerOptions& options);

  /// The text's code points, normalised, in place of what `points` held. Throws Error (usage) that names the byte that is no UTF-8.
  void normalise(std::string_view text, std::vector<char32_t>& points) const;

 private:
  class Pass;
  /// In `entries_`: the code point it becomes, or one of these flags.
  static constexpr uint32_t kRemoved = 1u << 31, kContext = 1u << 30, kSequence = 1u << 29;

  /// Steps 2 and 3 for a few code points, whatever they are.
  void transform(const std::vector<char32_t>& in, std::vector<char32_t>& out) const;
  uint32_t entry_of(char32_t point, const std::vector<bool>& follows);

  NormalizerOptions options_;
  std::vector<uint32_t> entries_;               ///< of U+0000 to U+FFFF
  std::vector<std::vector<char32_t>> sequences_;  ///< of those that become none or several code points
};

}  // namespace cohort::datasets

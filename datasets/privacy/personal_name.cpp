#include "datasets/privacy/personal_name.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace cohort::datasets {
namespace {

struct NameWords {
  std::string_view kind;
  std::string_view words;  ///< in small letters, each with a space before and behind
  std::string_view anywhere;
};
constexpr NameWords kNameWords[] = {
    {"email", " email emails mail mails emailaddress ", "邮箱 邮件 电邮 電郵 "},
    {"phone", " phone phones phonenumber telephone tel mobile mobilephone cellphone msisdn fax whatsapp handy ",
     "手机 手機 电话 電話 座机 联系方式 "},
    {"card", " card cards cardnumber creditcard creditcardnumber pan ", "卡号 卡號 银行卡 信用卡 "},
    {"iban", " iban ", "银行账号 "},
    {"identity",
     " ssn nino passport idcard idnumber nationalid taxid nationalinsurance socialsecurity dni nie cpf nir aadhaar codicefiscale steuerid ",
     "身份证 身份證 证件 證件 護照 护照 "},
    {"version", " version versions ver firmware ", "版本 "},
    {"ip", " ip ips ipaddress ipaddr ipv4 ipv6 ", "IP地址 "},
};

/// " home phone number homephone phonenumber ": the words, and each pair as one.
std::string words_of(std::string_view name) {
  std::string words = " ", last, word, pairs;
  const auto finish = [&] {
    if (word.empty()) return;
    words += word + " ";
    if (!last.empty()) pairs += last + word + " ";
    last = std::exchange(word, {});
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool small = c >= 'a' && c <= 'z', capital = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
    const bool after_small = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    const bool before_small = i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z';
    const bool after_capital = i > 0 && name[i - 1] >= 'A' && name[i - 1] <= 'Z';
    if (capital && (after_small || (after_capital && before_small))) finish();  // homePhone, IPAddress
    if (capital) word += static_cast<char>(c - 'A' + 'a');
    else if (small || digit) word += c;
    else finish();
  }
  finish();
  return words + pairs;
}

/// Whether one of the words in `list` (each with a space behind) satisfies `holds`.
template <class Holds>
bool any_word(std::string_view list, Holds holds) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (end > 0 && holds(list.substr(0, end))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

bool name_says(std::string_view column, std::string_view kind) {
  const auto entry = std::find_if(std::begin(kNameWords), std::end(kNameWords), [&](const NameWords& words) { return words.kind == kind; });
  if (entry == std::end(kNameWords)) return false;
  const std::string words = words_of(column);
  return any_word(entry->words, [&](std::string_view word) { return words.find(" " + std::string(word) + " ") != std::string::npos; }) ||
         any_word(entry->anywhere, [&](std::string_view word) { return column.find(word) != std::string_view::npos; });
}

}  // namespace cohort::datasets

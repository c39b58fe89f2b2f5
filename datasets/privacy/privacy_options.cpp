#include "datasets/privacy/privacy_options.h"

#include "datasets/privacy/personal_data.h"

namespace cohort::datasets {

void PrivacyOptions::describe(core::Describe<PrivacyOptions>& d) {
  d.field("key_file", &PrivacyOptions::key_file,
          "file with the secret key of pseudonyms, at least 32 random bytes, readable by its owner alone");
  d.field("scan", &PrivacyOptions::scan,
          "columns that look like personal data (e-mail addresses, telephone, card, identity numbers …): refuse ends the import, warn goes "
          "on, "
          "off doesn't look")
      .one_of({"refuse", "warn", "off"});
  d.field("allow", &PrivacyOptions::allow, "kinds of personal data that any column may hold; better said at the column itself")
      .one_of(personal_kinds())
      .unique();
  d.field("person", &PrivacyOptions::person, "the column that says whose row it is, for min_persons; \"\": every row is another person");
  d.field("min_persons", &PrivacyOptions::min_persons, "values of a categorical column that fewer persons have are not stored")
      .min(1)
      .max(65535)
      .unit("persons");
}

std::string pseudonym_problem(const std::string& domain, Kind kind, const std::string& dtype) {
  if (domain.empty()) return {};
  if (kind != Kind::kId && kind != Kind::kCategorical && kind != Kind::kSequence) {
    return "pseudonyms replace identifiers: the kind is id, categorical or sequence, not " + to_string(kind);
  }
  return dtype.empty() || dtype == "string" ? "" : "a pseudonym is text; it can't be stored as " + dtype;
}

}  // namespace cohort::datasets

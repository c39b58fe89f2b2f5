// What the name of a column says about its values. Internal to datasets/privacy.
#pragma once

#include <string_view>

namespace cohort::datasets {

/// Whether the name says that values are of this kind (a word of personal_kinds(), or "version"): whole words of it, however they are joined
/// (home_phone, HomePhone, "Home Phone"), or Chinese words anywhere (客户手机号).
bool name_says(std::string_view column, std::string_view kind);

}  // namespace cohort::datasets

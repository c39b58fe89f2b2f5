// Addresses and numbers inside of longer text. Internal to datasets/privacy.
#pragma once

#include <string_view>

#include "datasets/privacy/personal_patterns.h"

namespace cohort::datasets {

/// Whether ten digits are a number of the North American plan: area and exchange from 2 on, and not one that many share (800, 888 …).
bool is_american_phone(std::string_view digits);

/// A plus, then 8 to 15 digits (E.164; 10 at least where nothing separates them) that don't begin with 0. Between them at most two
/// separators in a row: space - . / ( ).
bool is_international_phone(std::string_view text);

/// Sets the kHolds… bits, and where the first of each stands.
void look_inside(std::string_view text, Recognised& result);

}  // namespace cohort::datasets

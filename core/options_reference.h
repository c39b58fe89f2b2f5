// The reference of a schema's options, as text for people.
#pragma once

#include <string>

#include "core/options.h"

namespace cohort::core {

/// A section for each table, headed by its full path: every option with its type, default, help, unit and limits. A
/// choice lists its components by name; their options have references of their own.
std::string options_reference(const Schema& schema);

}  // namespace cohort::core

// Where stderr ends up.
#pragma once

#include <cstddef>

namespace cohort::core {

/// Whether what is written to stderr shows on a terminal that takes escapes: stderr is one, or it is a pipe to an mpirun on this machine
/// that has one and passes everything on.
bool shows_on_terminal();

/// Columns of that terminal; 80 where it doesn't say.
std::size_t terminal_width();

}  // namespace cohort::core

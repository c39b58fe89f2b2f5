// Where a result comes from: code, libraries, machine.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace cohort::experiments {

/// {"commit": …, "dirty": …} of the work tree that holds `folder`; nulls where there is none or git is not installed.
nlohmann::ordered_json git_state(const std::string& folder);

/// Versions of Cohort, libtorch, MPI, HDF5 and the compiler, and what the bits depend on: CPU capability, MKL's code path.
nlohmann::ordered_json libraries();
/// The part of libraries() on which the bits of a result depend.
nlohmann::ordered_json bits_environment();

}  // namespace cohort::experiments

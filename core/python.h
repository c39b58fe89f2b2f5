// The Python interpreters that may have what the program hands to Python.
#pragma once

#include <string>
#include <vector>

namespace cohort::core {

/// Those that are there, in the order to try: $COHORT_PYTHON, bin/python of $COHORT_TORCH, that of the environment built against, and
/// python3 on the path.
std::vector<std::string> python_interpreters();

/// The one of the private environment, which has onnxruntime: as above, without the path's; "" when none runs.
std::string python_interpreter();

}  // namespace cohort::core

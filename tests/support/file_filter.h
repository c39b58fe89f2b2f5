// Runs the tests of one source file: CTest's unit here, since starting a program that links libtorch costs a second.
#pragma once

namespace cohort::tests {

/// Initialises GoogleTest and understands `--tests-of=<path below tests/>`: only the tests written in that file run. Returns false, with
/// a message, when the file has no test: an entry that runs nothing must not pass.
bool initialise(int& argc, char** argv);

}  // namespace cohort::tests

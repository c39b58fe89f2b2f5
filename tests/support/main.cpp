// main() of the tests that run in one process.
#include <gtest/gtest.h>

#include "tests/support/file_filter.h"

int main(int argc, char** argv) {
  if (!cohort::tests::initialise(argc, argv)) return 1;
  return RUN_ALL_TESTS();
}

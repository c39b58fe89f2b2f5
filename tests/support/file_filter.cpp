#include "tests/support/file_filter.h"

#include <iostream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cohort::tests {
namespace {

std::string filter_of(std::string_view file) {
  std::string filter;
  const auto& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const auto& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const auto& test = *suite.GetTestInfo(t);
      const std::string_view place = test.file();
      if (!place.ends_with(file) || !place.substr(0, place.size() - file.size()).ends_with("tests/")) continue;
      if (!filter.empty()) filter += ':';
      filter += std::string(suite.name()) + '.' + test.name();
    }
  }
  return filter;
}

}  // namespace

bool initialise(int& argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  constexpr std::string_view kOption = "--tests-of=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kOption)) continue;
    const std::string filter = filter_of(argument.substr(kOption.size()));
    if (filter.empty()) {
      std::cerr << "no test is written in tests/" << argument.substr(kOption.size()) << '\n';
      return false;
    }
    GTEST_FLAG_SET(filter, filter);
  }
  return true;
}

}  // namespace cohort::tests

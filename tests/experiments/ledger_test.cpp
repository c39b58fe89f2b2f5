#include "experiments/ledger.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::experiments {
namespace {

using testing::HasSubstr;

datasets::RowSum sum_of(uint64_t step, int attempt) {
  datasets::RowSum sum;
  sum.rows = 10 + step;
  sum.sum = static_cast<unsigned __int128>(step * 1000 + static_cast<uint64_t>(attempt)) << 70 | step;
  return sum;
}

class Ledger : public testing::Test {
 protected:
  void write(int attempt, uint64_t from, uint64_t to) const {
    LedgerWriter writer(file);
    writer.begin(attempt, from, 7);
    for (uint64_t step = from; step < to; ++step) writer.add(attempt, step, step / 5, sum_of(step, attempt));
    writer.sync();
  }
  std::string text() const { return datasets::TemporaryFolder::read(file); }
  void set_text(const std::string& content) const { std::ofstream(file, std::ios::binary) << content; }
  std::string damage() const {
    try {
      steps_that_count(read_ledger(file), file);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged);
      return error.what();
    }
    return "nothing was thrown";
  }

  datasets::TemporaryFolder folder;
  std::filesystem::path file = folder / "ledger.jsonl";
};

TEST_F(Ledger, ReadsBackWhatWasWritten) {
  write(1, 0, 12);
  const auto attempts = read_ledger(file);
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].seed, 7);
  ASSERT_EQ(attempts[0].steps.size(), 12u);
  EXPECT_EQ(attempts[0].steps[7].epoch, 1u);
  EXPECT_EQ(attempts[0].steps[7].used, sum_of(7, 1));
}

TEST_F(Ledger, OfRepeatedStepsTheLastAttemptCounts) {
  write(1, 0, 20);
  write(2, 15, 17);
  write(3, 15, 19);
  write(5, 9, 12);
  const auto steps = steps_that_count(read_ledger(file), file);
  ASSERT_EQ(steps.size(), 12u);
  for (uint64_t step = 0; step < 12; ++step) EXPECT_EQ(steps[step].used, sum_of(step, step < 9 ? 1 : 5));
}

TEST_F(Ledger, ALineThatAKillCutOffIsLeftOut) {
  write(1, 0, 5);
  const std::string whole = text();
  for (std::size_t cut = whole.rfind('\n', whole.size() - 2) + 1; cut + 1 < whole.size(); cut += 7) {
    set_text(whole.substr(0, cut));
    EXPECT_EQ(steps_that_count(read_ledger(file), file).size(), 4u) << cut;
    write(2, 3, 6);
    EXPECT_EQ(steps_that_count(read_ledger(file), file).size(), 6u) << cut;
  }
}

TEST_F(Ledger, AChangedLineIsNamed) {
  write(1, 0, 5);
  write(2, 5, 9);
  const std::string whole = text();
  int line = 1;
  for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
    if (whole[at] == '\n') {
      ++line;
      continue;
    }
    if (at % 5 != 0) continue;
    std::string changed = whole;
    changed[at] = changed[at] == '1' ? '2' : '1';
    set_text(changed);
    // Line 6 ends an attempt: changed, it can't be told from one that was cut off, and is missed instead.
    EXPECT_THAT(damage(), HasSubstr(line == 6 ? "the steps from 4 on have no line" : ":" + std::to_string(line) + ": error: the line is damaged")) << at;
  }
}

TEST_F(Ledger, MissingAndExchangedLinesAreNamed) {
  write(1, 0, 5);
  std::vector<std::string> lines;
  std::istringstream stream(text());
  for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
  set_text(lines[0] + lines[1] + lines[3] + lines[4]);
  EXPECT_THAT(damage(), HasSubstr(":3: error: step 2 stands where step 1 should"));
  set_text(lines[0] + lines[2] + lines[1]);
  EXPECT_THAT(damage(), HasSubstr(":2: error: step 1 stands where step 0 should"));
  set_text(lines[1] + lines[2]);
  EXPECT_THAT(damage(), HasSubstr("an attempt that didn't begin"));
  set_text(lines[0] + lines[1] + lines[0]);
  EXPECT_THAT(damage(), HasSubstr("attempts are out of order"));
}

TEST_F(Ledger, AGapBetweenAttemptsIsNamed) {
  write(1, 0, 5);
  write(2, 8, 9);
  EXPECT_THAT(damage(), HasSubstr("attempt 2 went on from step 8, but the steps from 5 on have no line"));
}

TEST_F(Ledger, WithoutOneThatIsAMistake) {
  try {
    read_ledger(file);
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
  }
}

}  // namespace
}  // namespace cohort::experiments

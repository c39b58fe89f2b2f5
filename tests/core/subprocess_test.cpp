#include "core/subprocess.h"

#include <csignal>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace cohort::core {
namespace {

std::string read_text(ChildProcess& process, std::size_t size) {
  std::string text(size, '\0');
  EXPECT_TRUE(process.read(std::as_writable_bytes(std::span(text))));
  return text;
}

TEST(ChildProcess, IsTalkedToThroughItsInputAndOutput) {
  ChildProcess process({"/bin/cat"});
  EXPECT_TRUE(process.write("hello "));
  EXPECT_TRUE(process.write("world"));
  EXPECT_EQ(read_text(process, 11), "hello world");
  EXPECT_EQ(process.wait(), 0);
}

TEST(ChildProcess, KeepsWhatItWroteToStderr) {
  ChildProcess process({"/bin/sh", "-c", "echo first >&2; echo last >&2; exit 3"});
  EXPECT_EQ(process.wait(), 3);
  EXPECT_EQ(process.errors(), "first\nlast");
  EXPECT_EQ(process.errors(5), "last");
}

TEST(ChildProcess, ThatIsGoneEndsReadingAndWritingWithoutASignal) {
  ChildProcess process({"/bin/sh", "-c", "printf abc; kill -SEGV $$"});
  EXPECT_EQ(read_text(process, 3), "abc");
  std::byte more{};
  EXPECT_FALSE(process.read(std::span(&more, 1)));
  EXPECT_FALSE(process.write(std::string(1 << 20, 'x')));
  EXPECT_EQ(process.wait(), 128 + SIGSEGV);
  EXPECT_EQ(process.wait(), 128 + SIGSEGV);
}

TEST(ChildProcess, EndsWithItsObject) {
  pid_t pid = 0;
  {
    ChildProcess process({"/bin/sh", "-c", "echo $$; exec sleep 1000"});
    std::string digits;
    for (char c = 0; c != '\n';) {
      ASSERT_TRUE(process.read(std::as_writable_bytes(std::span(&c, 1))));
      digits += c;
    }
    pid = static_cast<pid_t>(std::stol(digits));
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(ChildProcess, ThatCantBeStartedIsAnError) { EXPECT_THROW(ChildProcess({"/no/such/program"}), Error); }

}  // namespace
}  // namespace cohort::core

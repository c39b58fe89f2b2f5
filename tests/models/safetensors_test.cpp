#include "models/artifact/safetensors.h"

#include <cstring>

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using testing::HasSubstr;

NamedTensors one_of_each() {
  return {{"z.half", at::ones({3}, at::kHalf)},         {"a.float", at::arange(6, at::kFloat).reshape({2, 3})},
          {"b.long", at::arange(5, at::kLong)},         {"c.bool", at::ones({1, 3}, at::kBool)},
          {"d.scalar", at::full({}, 2.5, at::kDouble)}, {"e.empty", at::empty({0, 4}, at::kFloat)},
          {"f.bytes", at::arange(7, at::kByte)},        {"g.transposed", at::arange(6, at::kInt).reshape({2, 3}).t()}};
}

std::string file(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string complaint(const std::string& bytes) {
  try {
    read_safetensors(bytes, "some/file");
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kDamaged);
    EXPECT_THAT(error.what(), HasSubstr("some/file"));
    return error.what();
  }
  return "read";
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const auto read = read_safetensors(write_safetensors(one_of_each(), {{"note", "ü"}}), "memory");
  ASSERT_EQ(read.size(), one_of_each().size());
  for (const auto& [name, tensor] : one_of_each()) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.at(name), tensor)) << name;
  }
}

TEST(Safetensors, WritesTheSameBytesInWhateverOrderTensorsCome) {
  NamedTensors reversed = one_of_each();
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(write_safetensors(reversed), write_safetensors(one_of_each()));
}

TEST(Safetensors, AlignsEveryTensorToItsElements) {
  const std::string bytes =
      write_safetensors({{"a", at::ones({3}, at::kByte)}, {"b", at::ones({2}, at::kDouble)}, {"c", at::ones({1}, at::kFloat)}});
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_THAT(bytes, HasSubstr(R"("b":{"dtype":"F64","shape":[2],"data_offsets":[0,16]})"));
  EXPECT_THAT(bytes, HasSubstr(R"("c":{"dtype":"F32","shape":[1],"data_offsets":[16,20]})"));
}

TEST(Safetensors, AreReadByPlainPython) {
  const TestFolder folder;
  const auto path = write_model(folder, write_safetensors({{"w", at::arange(4, at::kFloat)}}, {{"k", "v"}}), "w.safetensors");
  const std::string said = run_python(folder, R"(
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + n])
begin, end = header["w"]["data_offsets"]
print(header["__metadata__"], struct.unpack("<4f", data[8 + n + begin:8 + n + end]))
)",
                                      {path.string()});
  EXPECT_EQ(said, "{'format': 'pt', 'k': 'v'} (0.0, 1.0, 2.0, 3.0)\n");
}

TEST(Safetensors, RefusesNamesUsedTwice) { EXPECT_THROW(write_safetensors({{"w", at::ones({1})}, {"w", at::ones({2})}}), core::Error); }

TEST(Safetensors, RefusesEveryKindOfMalformedFile) {
  EXPECT_THAT(complaint(""), HasSubstr("shorter than 8 bytes"));
  EXPECT_THAT(complaint(std::string(8, '\xff')), HasSubstr("length"));
  EXPECT_THAT(complaint(file("", "")), HasSubstr("doesn't start"));
  EXPECT_THAT(complaint(file(" {}", "")), HasSubstr("doesn't start"));
  EXPECT_THAT(complaint(file("{", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint(file("{}", "abc")), HasSubstr("3 bytes follow"));
  EXPECT_THAT(complaint(file(R"({"a":1})", "")), HasSubstr("'a'"));
  EXPECT_THAT(
      complaint(
          file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd")),
      HasSubstr("'a' twice"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", "abcd")), HasSubstr("unknown dtype"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "abcd")),
              HasSubstr("4 bytes where its shape asks for 8"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "abcd")), HasSubstr("dimension"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "abcd")), HasSubstr("outside the file"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "abcd")), HasSubstr("outside the file"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", "abcd")),
              HasSubstr("overflows"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}})", "")),
              HasSubstr("overflows"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "abcdefgh")), HasSubstr("no entry covers"));
  EXPECT_THAT(
      complaint(
          file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd")),
      HasSubstr("overlap"));
  EXPECT_THAT(complaint(file(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\x02")), HasSubstr("neither 0 nor 1"));
  EXPECT_THAT(complaint(file(R"({"__metadata__":{"a":1}})", "")), HasSubstr("__metadata__"));
  EXPECT_THAT(complaint(file(R"({"a":)" + std::string(100000, '['), "")), testing::Not("read"));
}

TEST(Safetensors, SurvivesAnyMutationOfAFile) {
  const std::string good = write_safetensors(one_of_each());
  const core::KeyedRandom random(1, "mutations");
  uint64_t draw = 0;
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    const uint64_t header = std::min<uint64_t>(bytes.size(), 700);
    for (uint64_t change = random.below(draw++, 4) + 1; change > 0; --change) {
      const uint64_t at = random.below(draw++, header);
      switch (random.below(draw++, 4)) {
        case 0:
          bytes[at] = static_cast<char>(random.below(draw++, 256));
          break;
        case 1:
          bytes.erase(at, random.below(draw++, 5));
          break;
        case 2:
          bytes.insert(at, std::string("0123456789{}[],:\"").substr(random.below(draw++, 17), 1));
          break;
        default:
          bytes.resize(random.below(draw++, bytes.size() + 1));
          break;
      }
      if (bytes.size() < header) break;
    }
    try {
      read_safetensors(bytes, "mutant");
    } catch (const core::Error& error) {
      ASSERT_EQ(error.exit(), core::Exit::kDamaged);
      ++refused;
    }
  }
  EXPECT_GT(refused, 2000);
}

TEST(WeightsHash, FollowsNamesTypesShapesAndBytesButNotTheOrder) {
  const NamedTensors weights = {{"a", at::arange(6, at::kFloat)}, {"b", at::ones({2}, at::kFloat)}};
  const std::string hash = weights_sha256(weights);
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(weights_sha256({weights[1], weights[0]}), hash);
  EXPECT_NE(weights_sha256({{"a", at::arange(6, at::kFloat)}, {"c", at::ones({2}, at::kFloat)}}), hash);
  EXPECT_NE(weights_sha256({{"a", at::arange(6, at::kFloat).reshape({2, 3})}, {"b", at::ones({2}, at::kFloat)}}), hash);
  EXPECT_NE(weights_sha256({{"a", at::arange(6, at::kFloat)}, {"b", at::ones({2}, at::kInt)}}), hash);
  EXPECT_NE(weights_sha256({{"a", at::arange(6, at::kFloat)}, {"b", at::full({2}, 1.0000001f)}}), hash);
}

TEST(WeightsHash, IsTheDocumentedOne) {
  const TestFolder folder;
  const std::string said = run_python(folder, R"(
import hashlib, struct
h = hashlib.sha256()
for name, values in (("a", [0.0, 1.0]), ("b", [2.0])):
    for text in (name, "F32"):
        h.update(struct.pack("<Q", len(text)) + text.encode())
    h.update(struct.pack("<QQ", 1, len(values)) + struct.pack(f"<{len(values)}f", *values))
print(h.hexdigest())
)",
                                      {});
  EXPECT_EQ(weights_sha256({{"b", at::full({1}, 2.0f)}, {"a", at::arange(2, at::kFloat)}}) + "\n", said);
}

}  // namespace
}  // namespace cohort::models

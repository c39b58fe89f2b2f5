#include "models/initial_vectors.h"

#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/npy_file.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using datasets::TemporaryFolder;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A .npy file of format 1.0 with this header, padded as NumPy does.
std::string npy(std::string header, const std::string& data) {
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}
std::string float_npy(const std::string& shape, const std::vector<float>& values) {
  return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", bytes_of(values));
}

std::string safetensors(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::vector<float> row_of(const VectorFile& file, int64_t row) {
  std::vector<float> values(static_cast<std::size_t>(file.dim()));
  file.read(row, 0, values);
  return values;
}

template <class Work>
std::string complaint_of(const Work& work, core::Exit exit) {
  try {
    work();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), exit) << error.what();
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

datasets::CategoricalFeature colours() {
  datasets::CategoricalFeature feature;
  feature.column = "colour";
  feature.strings = {"blue", "green", "red"};
  return feature;
}

TEST(InitialVectors, RowsGoToTheirValuesInWhateverOrderTheyStand) {
  const TemporaryFolder folder;
  // "pink" is no value of the column, "green" has no vector.
  const auto file = folder.write("v.npy", float_npy("(3, 2)", {1, 2, 3, 4, 5, 6}));
  const InitialVectorsOptions options = {"colour", file.string(), "", folder.write("n.txt", "red\npink\r\nblue\n").string()};
  const InitialVectors vectors(options, values_of_indices(colours()), 5, 2);
  EXPECT_THAT(vectors.match().source, ElementsAre(-1, -1, 2, -1, 0));
  EXPECT_EQ(vectors.match().matched, 2);
  EXPECT_EQ(vectors.match().values, 3);
  EXPECT_EQ(vectors.report(), "2 of 3 values of 'colour' start from " + file.string() + ", which has 3 rows");
  std::vector<float> table(10, 9);
  vectors.copy(0, 5, 0, 2, table.data(), 2);
  EXPECT_THAT(table, ElementsAre(9, 9, 9, 9, 5, 6, 9, 9, 1, 2));
}

TEST(InitialVectors, PartsOfATableGetTheSameAsTheWhole) {
  const TemporaryFolder folder;
  std::vector<float> values;
  std::string names;
  datasets::CategoricalFeature feature;
  feature.dtype = datasets::DType::kInt64;
  for (int64_t i = 0; i < 37; ++i) {
    feature.integers.push_back(i * 3);
    if (i % 4 == 0) continue;
    names += std::to_string(i * 3) + "\n";
    for (int c = 0; c < 40; ++c) values.push_back(static_cast<float>(i * 100 + c));
  }
  const std::string rows = std::to_string(values.size() / 40);
  const std::string file = folder.write("v.npy", float_npy("(" + rows + ", 40)", values)).string();
  const InitialVectorsOptions options = {"t", file, "", folder.write("n.txt", names).string()};
  const InitialVectors vectors(options, values_of_indices(feature), 41, 40);
  std::vector<float> whole(41 * 40, -1), parts(41 * 40, -1);
  vectors.copy(0, 41, 0, 40, whole.data(), 40);
  for (const auto& [row, count] : {std::pair<int64_t, int64_t>{0, 10}, {10, 1}, {11, 30}})
    for (const auto& [column, width] : {std::pair<int64_t, int64_t>{0, 16}, {16, 24}})
      vectors.copy(row, count, column, width, parts.data() + row * 40 + column, 40);
  EXPECT_EQ(whole, parts);
  EXPECT_EQ(whole[3 * 40 + 1], 101);  // index 3 is the value 3, the second
}

TEST(InitialVectors, ValuesOfIndicesFollowUnknownAndMissing) {
  EXPECT_THAT(values_of_indices(colours()), ElementsAre("", "", "blue", "green", "red"));
  datasets::CategoricalFeature numbers;
  numbers.dtype = datasets::DType::kInt64;
  numbers.integers = {-5, 7};
  const std::vector<std::string> values = values_of_indices(numbers);
  EXPECT_THAT(values, ElementsAre("", "", "-5", "7"));
  for (std::size_t k = datasets::kFirstIndex; k < values.size(); ++k) EXPECT_EQ(datasets::index_of(numbers, std::stoll(values[k])), static_cast<int32_t>(k));
}

TEST(InitialVectors, AnEmptyNameIsNoValue) {
  const VectorMatch match = match_vectors({"", "blue"}, values_of_indices(colours()));
  EXPECT_THAT(match.source, ElementsAre(-1, -1, 1, -1, -1));
}

TEST(InitialVectors, TwoVectorsForAValueAreRefusedButNotForAnyOtherName) {
  EXPECT_THAT(complaint_of([] { match_vectors({"blue", "red", "blue"}, values_of_indices(colours())); }, core::Exit::kUsage),
              HasSubstr("\"blue\" has two vectors, in rows 0 and 2"));
  EXPECT_EQ(match_vectors({"pink", "red", "pink"}, values_of_indices(colours())).matched, 1);
}

TEST(InitialVectors, NamesComeAsJsonLinesOrArrays) {
  const TemporaryFolder folder;
  EXPECT_THAT(read_vector_names(folder.write("a.json", R"(["red", 7, "Zo\u00eb"])")), ElementsAre("red", "7", "Zoë"));
  EXPECT_THAT(read_vector_names(folder.write("a.txt", "red\r\n\nlast")), ElementsAre("red", "", "last"));
  EXPECT_THAT(read_vector_names(folder.write("a.npy", npy("{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }", std::string("redab\0", 6)))),
              ElementsAre("red", "ab"));
  EXPECT_THAT(complaint_of([&] { read_vector_names(folder.write("b.json", R"({"red": 1})")); }, core::Exit::kDamaged), HasSubstr("b.json"));
  EXPECT_THAT(complaint_of([&] { read_vector_names(folder.write("c.txt", "\xff\n")); }, core::Exit::kDamaged), HasSubstr("isn't UTF-8"));
}

TEST(InitialVectors, SafetensorsMatricesAreFoundByName) {
  const TemporaryFolder folder;
  const std::string one = R"({"emb":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  const auto single = folder.write("one.safetensors", safetensors(one, bytes_of<float>({1, 2, 3, 4})));
  EXPECT_THAT(row_of(VectorFile(single), 1), ElementsAre(3, 4));
  const std::string two = R"({"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]},"b":{"dtype":"F64","shape":[1,2],"data_offsets":[4,20]}})";
  const auto both = folder.write("two.safetensors", safetensors(two, bytes_of<uint16_t>({0x3f80, 0xc040}) + bytes_of<double>({0.1, -7})));
  EXPECT_THAT(row_of(VectorFile(both, "a"), 0), ElementsAre(1, -3));
  EXPECT_THAT(row_of(VectorFile(both, "b"), 0), ElementsAre(0.1f, -7));
  EXPECT_THAT(complaint_of([&] { VectorFile{both}; }, core::Exit::kUsage), HasSubstr("set tensor to one of a, b"));
  EXPECT_THAT(complaint_of([&] { VectorFile(single, "emd"); }, core::Exit::kUsage), HasSubstr("did you mean 'emb'?"));
  const std::string integers = R"({"a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}})";
  EXPECT_THAT(complaint_of([&] { VectorFile{folder.write("i", safetensors(integers, "1234"))}; }, core::Exit::kUsage), HasSubstr("I32"));
  EXPECT_THAT(complaint_of([&] { VectorFile{folder.write("cut", safetensors(one, "1234"))}; }, core::Exit::kDamaged), HasSubstr("fetch the file again"));
}

TEST(InitialVectors, MismatchesSayHowToMendThem) {
  const TemporaryFolder folder;
  const std::string file = folder.write("v.npy", float_npy("(2, 3)", {1, 2, 3, 4, 5, 6})).string();
  const std::string names = folder.write("n.txt", "red\nblue\n").string(), strangers = folder.write("s.txt", "Red\nBlue\n").string();
  const std::string three = folder.write("three.txt", "red\nblue\ngreen\n").string();
  const auto values = values_of_indices(colours());
  const auto refused = [&](const std::string& chosen, int64_t rows, int64_t dim) {
    return complaint_of([&] { InitialVectors({"colour", file, "", chosen}, values, rows, dim); }, core::Exit::kUsage);
  };
  EXPECT_THAT(refused(names, 5, 4), HasSubstr("embedding_dim = 3"));
  EXPECT_THAT(refused(three, 5, 3), HasSubstr("3 names for the 2 rows"));
  EXPECT_THAT(refused(names, 4, 3), HasSubstr("fewer than its column's 5 indices"));
  EXPECT_THAT(refused(strangers, 5, 3), HasSubstr("it has \"blue\", the names begin with \"Red\""));
  EXPECT_THAT(complaint_of([&] { InitialVectors({"colour", file, "x", names}, values, 5, 3); }, core::Exit::kUsage), HasSubstr("leave tensor out"));
}

TEST(InitialVectors, AVectorThatIsNotFiniteIsRefusedWhereItIsUsed) {
  const TemporaryFolder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const VectorFile file(folder.write("v.npy", float_npy("(2, 1)", {1, nan})));
  EXPECT_THAT(row_of(file, 0), ElementsAre(1));
  EXPECT_THAT(complaint_of([&] { row_of(file, 1); }, core::Exit::kUsage), HasSubstr("row 1"));
  const VectorFile wide(folder.write("d.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}", bytes_of<double>({1e300}))));
  EXPECT_THAT(complaint_of([&] { row_of(wide, 0); }, core::Exit::kUsage), HasSubstr("isn't finite in float32"));
}

TEST(NpyFile, HostileHeadersAreRefused) {
  const auto damaged = [](const std::string& bytes) { return complaint_of([&] { read_npy_header(bytes, "f.npy"); }, core::Exit::kDamaged); };
  const auto header = [&](const std::string& text) { return damaged(npy(text, "1234")); };
  const std::string good = float_npy("(1, 1)", {1});
  EXPECT_NO_THROW(read_npy_header(good, "f.npy"));
  for (std::size_t size = 0; size < good.size(); ++size) damaged(good.substr(0, size));
  EXPECT_THAT(damaged(good + "x"), HasSubstr("holds 5 bytes where its shape asks for 4"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"), HasSubstr("overflows"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"), HasSubstr("no size"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }"), HasSubstr("no size"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }"), HasSubstr("neither True nor False"));
  EXPECT_THAT(header("{'descr': '<f4', 'shape': (1,), }"), HasSubstr("without descr, fortran_order and shape"));
  EXPECT_THAT(header("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"), HasSubstr("unknown or twice"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': __import__('os')}"), HasSubstr("'x'"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } + 1"), HasSubstr("after its header's dict"));
  std::string many = "(";
  for (int i = 0; i < 70; ++i) many += "1,";
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': " + many + "), }"), HasSubstr("too many dimensions"));
  std::string huge("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
  EXPECT_THAT(damaged(huge + good), HasSubstr("more than any array"));
  std::string strange = good;
  strange[6] = 9;
  EXPECT_THAT(damaged(strange), HasSubstr("format 9.0"));
}

TEST(NpyFile, OtherTypesAndOrdersAreRefusedWithTheCommandThatMendsThem) {
  for (const std::string descr : {">f4", "<c8", "|O", "<f3", "<f16", "=f4", "<U0", "<M8[s]", "f4", "|V7"}) {
    const std::string bytes = npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (1,), }", "1234");
    EXPECT_THAT(complaint_of([&] { read_npy_header(bytes, "f.npy"); }, core::Exit::kUsage), HasSubstr("numpy.save")) << descr;
  }
  const std::string fortran = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "1234");
  EXPECT_THAT(complaint_of([&] { read_npy_header(fortran, "f.npy"); }, core::Exit::kUsage), HasSubstr("Fortran order"));
}

class NumpyFiles : public testing::Test {
 protected:
  void SetUp() override {
    const char* python = std::getenv("COHORT_PYTHON");
    const char* source = std::getenv("COHORT_SOURCE");
    if (python == nullptr) GTEST_SKIP() << "needs COHORT_PYTHON, with NumPy";
    const std::string script = std::string(source == nullptr ? "." : source) + "/tests/models/npy_reference.py";
    ASSERT_EQ(std::system(("'" + std::string(python) + "' '" + script + "' '" + folder.path().string() + "'").c_str()), 0);
  }
  TemporaryFolder folder;
};

TEST_F(NumpyFiles, VectorsOfAllTypesAndFormatsReadTheSame) {
  for (const std::string name : {"float16", "float32", "float64", "format1", "format2", "format3"}) {
    const VectorFile file(folder / (name + ".npy"));
    ASSERT_EQ(file.rows(), 4) << name;
    ASSERT_EQ(file.dim(), 3) << name;
    for (int64_t row = 0; row < 4; ++row)
      for (int64_t column = 0; column < 3; ++column)
        EXPECT_EQ(row_of(file, row)[static_cast<std::size_t>(column)], (static_cast<float>(row * 3 + column) - 5.5f) / 4) << name;
  }
}

TEST_F(NumpyFiles, NamesOfAllKindsRead) {
  EXPECT_THAT(read_vector_names(folder / "unicode.npy"), ElementsAre("b", "Zoë", "a", "日本 𝄞"));
  EXPECT_THAT(read_vector_names(folder / "bytes.npy"), ElementsAre("b", "longer", "a", "c"));
  EXPECT_THAT(read_vector_names(folder / "int64.npy"), ElementsAre("7", "-3", "1099511627776", "0"));
  EXPECT_THAT(read_vector_names(folder / "int8.npy"), ElementsAre("7", "-3", "127", "0"));
  EXPECT_THAT(read_vector_names(folder / "uint64.npy"), ElementsAre("7", "18446744073709551615", "1", "0"));
}

TEST_F(NumpyFiles, WhatIsNoMatrixOfFloatsIsRefused) {
  for (const std::string name : {"fortran", "big", "complex", "integers", "flat", "objects", "structured"})
    complaint_of([&] { VectorFile(folder / (name + ".npy")); }, core::Exit::kUsage);
}

}  // namespace
}  // namespace cohort::models

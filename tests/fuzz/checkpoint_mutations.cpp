// Checkpoints that were damaged or forged, some thousands of them: each is refused as damaged, none is taken for whole, and none makes the reader crash (run it
// under ASan). COHORT_MUTATIONS: how many; COHORT_SEED: the first one's number.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/philox.h"
#include "trainer/checkpoint/catalogue.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"

namespace cohort::trainer {
namespace {
namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;  // a checkpoint's, by name

constexpr int kRanks = 3;
constexpr int64_t kRows = 700, kColumns = 48, kBias = 300'000;  // the bias is hashed in two pieces

/// What each rank has: columns of a table, a range of a bias, rank 0 a number.
struct Ranks {
  Ranks() {
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i) * 0.5F;
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = -static_cast<float>(i);
  }
  std::vector<Piece> of(int rank) {
    const int64_t columns = kColumns / kRanks, share = kBias / kRanks;
    std::vector<Piece> pieces;
    pieces.push_back({.tensor = {"tables.user", {kRows, kColumns}, kColumns}, .where = {0, kRows, rank * columns, columns}, .data = table.data() + rank * columns, .stride = kColumns, .newer = {}, .owner = {}});
    pieces.push_back({.tensor = {"bias", {kBias / 2, 2}, 1}, .where = {rank * share, share, 0, 1}, .data = bias.data() + rank * share, .stride = 1, .newer = {}, .owner = {}});
    if (rank == 0) pieces.push_back({.tensor = {"scale", {}, 1}, .where = {0, 1, 0, 1}, .data = &scale, .stride = 1, .newer = {}, .owner = {}});
    return pieces;
  }
  std::vector<TensorShape> tensors() const { return {{"tables.user", {kRows, kColumns}, kColumns}, {"bias", {kBias / 2, 2}, 1}, {"scale", {}, 1}}; }

  std::vector<float> table = std::vector<float>(kRows * kColumns), bias = std::vector<float>(kBias);
  float scale = 3;
};

void write_checkpoint(const fs::path& folder, Ranks& ranks, uint64_t step) {
  std::vector<std::unique_ptr<CheckpointWriter>> writers;
  for (int rank = 0; rank < kRanks; ++rank) {
    writers.push_back(std::make_unique<CheckpointWriter>(CheckpointWriterOptions{.folder = folder, .session = "a", .rank = rank, .world = kRanks, .keep = {.newest = 9}, .before_commit = {}}));
    writers.back()->next().take(ranks.of(rank), [](int64_t n, const auto& work) {
      for (int64_t i = 0; i < n; ++i) work(i);
    });
    writers.back()->write(step, {{"fit", {{"step", step}}}});
  }
  writers.front()->wait_for_commit();
}

Files files_of(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename().string()] = core::read_file(entry.path());
  return files;
}

/// A sequence of choices.
class Choices {
 public:
  explicit Choices(uint64_t seed) : random_(seed, "mutations") {}
  uint64_t below(uint64_t n) { return random_.u64(count_++) % n; }
  template <class Container>
  auto& of(Container& container) {
    return *std::next(container.begin(), static_cast<std::ptrdiff_t>(below(container.size())));
  }

 private:
  core::KeyedRandom random_;
  uint64_t count_ = 0;
};

/// The hashes along the way up are made anew: what is left to be noticed is what the file says.
void forge(Files& files, const std::string& index_name, const nlohmann::json& index) {
  files[index_name] = index.dump() + "\n";
  nlohmann::json manifest = nlohmann::json::parse(files[kManifestFile]);
  for (int rank = 0; rank < kRanks; ++rank) manifest["index_sha256"][static_cast<std::size_t>(rank)] = core::sha256_hex(files[index_file(rank)]);
  files[kManifestFile] = manifest.dump(1) + "\n";
  files[kManifestHash] = manifest_hash(files[kManifestFile]);
}

nlohmann::json hostile_value(Choices& choose, const nlohmann::json& before) {
  const uint64_t old = before.is_number_unsigned() ? before.get<uint64_t>() : 0;
  switch (choose.below(14)) {
    case 0: return 0;
    case 1: return old + 1;
    case 2: return old - 1;
    case 3: return uint64_t{1} << 31;
    case 4: return uint64_t{1} << 32;
    case 5: return (uint64_t{1} << 48) + 1;
    case 6: return uint64_t{1} << 62;
    case 7: return uint64_t{1} << 63;
    case 8: return ~uint64_t{0};
    case 9: return -1;
    case 10: return 1.5;
    case 11: return "4";
    case 12: return nlohmann::json::array({old});
    default: return nullptr;
  }
}

/// An index that says something else, in one place.
std::string forge_index(Files& files, Choices& choose) {
  const std::string name = index_file(static_cast<int>(choose.below(kRanks)));
  nlohmann::json index = nlohmann::json::parse(files[name]);
  const nlohmann::json before = index;
  nlohmann::json& parts = index["parts"];
  nlohmann::json& part = choose.of(parts);
  std::string what;
  switch (choose.below(8)) {
    case 0: {
      const char* const key = std::array{"step", "session", "rank", "bytes", "parts", "header"}[choose.below(6)];
      index[key] = hostile_value(choose, index[key]);
      what = key;
      break;
    }
    case 1: index["header"]["bytes"] = hostile_value(choose, index["header"]["bytes"]); what = "header bytes"; break;
    case 2: parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(choose.below(parts.size()))); what = "a part less"; break;
    case 3: parts.push_back(nlohmann::json(part)); what = "a part twice"; break;
    case 4: part["name"] = part["name"].get<std::string>() + "x"; what = "another name"; break;
    case 5: what = part["shape"].empty() ? "a dimension more" : "a dimension"; part["shape"].empty() ? part["shape"].push_back(2) : void(choose.of(part["shape"]) = hostile_value(choose, 2)); break;
    case 6: part["xxh3"] = nlohmann::json::array(); what = "no hashes"; break;
    default: {
      const char* const key = std::array{"row", "rows", "column", "columns", "offset", "width"}[choose.below(6)];
      part[key] = hostile_value(choose, part[key]);
      what = key;
    }
  }
  if (index == before) return "";
  forge(files, name, index);
  return name + ": " + what;
}

/// Damages one checkpoint; says how, or nothing where it is as it was.
std::string damage(Files& files, const Files& other, Choices& choose) {
  const Files before = files;
  auto& [name, bytes] = choose.of(files);
  std::string what = name;
  switch (choose.below(7)) {
    case 0: bytes.resize(choose.below(bytes.size())); what += " cut off"; break;
    case 1:
      for (uint64_t flips = 1 + choose.below(3); flips > 0; --flips) bytes[choose.below(bytes.size())] ^= static_cast<char>(1 << choose.below(8));
      what += " flipped";
      break;
    case 2: std::swap(bytes, choose.of(files).second); what += " swapped"; break;
    case 3: bytes = other.at(name); what += " of another step"; break;
    case 4: what += " gone"; files.erase(name); break;
    case 5: bytes.insert(choose.below(bytes.size()), std::string(1 + choose.below(100), '\0')); what += " with bytes more"; break;
    default: what = forge_index(files, choose);
  }
  return files == before ? "" : what;
}

/// Why it was refused; throws where it wasn't, or not as damaged.
void must_be_refused(const fs::path& folder, Ranks& ranks) {
  try {
    const CheckpointReader reader(folder);
    reader.require(ranks.tensors());
    for (int rank = 0; rank < kRanks; ++rank) reader.read(ranks.of(rank));
    reader.verify();
  } catch (const core::Error& error) {
    if (error.exit() == core::Exit::kDamaged && !error.message().empty() && !error.remedy().empty()) return;
    throw std::runtime_error(fmt::format("was refused by status {}: {}", static_cast<int>(error.exit()), error.what()));
  }
  throw std::runtime_error("was taken for whole");
}

/// A state nested deeper than the stack is large, rightly hashed.
void must_refuse_depth(const fs::path& folder, Ranks& ranks) {
  constexpr std::size_t kDepth = 100'000;
  const fs::path file = folder / kManifestFile;
  std::string text = core::read_file(file);
  text.insert(text.find("\"fit\":"), "\"goodness\":" + std::string(kDepth, '[') + std::string(kDepth, ']') + ",");
  core::write_file_durably(file, text);
  core::write_file_durably(folder / kManifestHash, manifest_hash(text));
  must_be_refused(folder, ranks);
  prune_checkpoints(folder.parent_path(), {.newest = 9, .best = 1});  // looks at the state of all
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

int run() {
  std::string name = (fs::temp_directory_path() / "cohort-mutations-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return 1;
  const fs::path home = name, target = home / "damaged" / checkpoint_name(1);
  Ranks ranks;
  write_checkpoint(home, ranks, 1);
  write_checkpoint(home, ranks, 2);
  const Files whole = files_of(home / checkpoint_name(1)), other = files_of(home / checkpoint_name(2));
  CheckpointReader(home / checkpoint_name(1)).verify();
  const uint64_t first = number_from("COHORT_SEED", 0), count = number_from("COHORT_MUTATIONS", 1000);
  uint64_t damaged = 0;
  int status = 0;
  for (uint64_t seed = first; seed < first + count && status == 0; ++seed) {
    Choices choose(seed);
    Files files = whole;
    const std::string what = damage(files, other, choose);
    if (what.empty()) continue;
    ++damaged;
    fs::remove_all(target);
    fs::create_directories(target);
    for (const auto& [file, bytes] : files) {
      std::FILE* stream = std::fopen((target / file).c_str(), "wb");
      if (stream == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), stream) != bytes.size() || std::fclose(stream) != 0) return 1;
    }
    try {
      must_be_refused(target, ranks);
    } catch (const std::exception& error) {
      fmt::print(stderr, "seed {} ({}): {}\n", seed, what, error.what());
      status = 1;
    }
  }
  try {
    must_refuse_depth(home / checkpoint_name(2), ranks);
  } catch (const std::exception& error) {
    fmt::print(stderr, "nested 100000 deep: {}\n", error.what());
    status = 1;
  }
  fs::remove_all(home);
  fmt::print("{} damaged checkpoints, {}\n", damaged, status == 0 ? "each refused" : "one not refused as damaged");
  return damaged > count / 2 ? status : 1;
}

}  // namespace
}  // namespace cohort::trainer

int main() { return cohort::trainer::run(); }

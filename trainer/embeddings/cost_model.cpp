#include "trainer/embeddings/cost_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/philox.h"

namespace cohort::trainer {
namespace {

using CostClock = std::chrono::steady_clock;

constexpr std::size_t kPasses = 3;
constexpr std::size_t kNarrow = 16, kWide = 128;                // floats of a row
constexpr std::size_t kSmallSlice = 16, kLargeSlice = 1 << 15;  // floats to each rank
constexpr std::size_t kLargestSend = 1 << 21;                   // floats to all ranks
constexpr double kSmallest = 1e-13;                             // what noise took below this counts as it

double fastest(std::size_t passes, const std::function<void()>& work) {
  double best = 1e9;
  for (std::size_t pass = 0; pass < passes; ++pass) {
    const auto begin = CostClock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(CostClock::now() - begin).count());
  }
  return best;
}

/// Cost of an item and of a byte, from costs of items of two sizes.
std::pair<double, double> line_through(double small_bytes, double small, double large_bytes, double large) {
  const double slope = std::max((large - small) / (large_bytes - small_bytes), kSmallest);
  return {std::max(small - slope * small_bytes, kSmallest), slope};
}

/// Random rows of one width.
class RowProbe {
 public:
  RowProbe(std::span<float> table, std::size_t width, std::size_t reads) : table_(table), width_(width), rows_(table.size() / width) {
    const core::KeyedRandom random(0, "cost model", static_cast<uint32_t>(width));
    ids_.resize(std::min(reads, rows_));
    for (std::size_t i = 0; i < ids_.size(); ++i) ids_[i] = random.below(i, rows_);
    packed_.resize(ids_.size() * width);
  }

  /// Seconds a row that is copied into a dense block, as a lookup does.
  double read() {
    return fastest(kPasses, [&] {
      float* out = packed_.data();
      for (const uint64_t id : ids_) {
        std::memcpy(out, table_.data() + id * width_, width_ * sizeof(float));
        out += width_;
      }
    }) / static_cast<double>(ids_.size());
  }

  /// Seconds a row to which a dense block's row is added.
  double update() {
    return fastest(kPasses, [&] {
      const float* in = packed_.data();
      for (const uint64_t id : ids_) {
        float* row = table_.data() + id * width_;
        for (std::size_t c = 0; c < width_; ++c) row[c] -= 1e-3f * in[c];
        in += width_;
      }
    }) / static_cast<double>(ids_.size());
  }

 private:
  std::span<float> table_;
  std::size_t width_, rows_;
  std::vector<uint64_t> ids_;
  std::vector<float> packed_;
};

/// Seconds an id that is looked up in an open-addressed set and numbered.
double seconds_an_id(std::size_t ids) {
  const core::KeyedRandom random(0, "cost model ids");
  const std::size_t slots = std::bit_ceil(2 * ids);
  std::vector<uint32_t> keys(ids), slot_of(slots), numbers(ids);
  random.fill_u32(keys);
  return fastest(kPasses, [&] {
    std::fill(slot_of.begin(), slot_of.end(), 0);
    uint32_t found = 0;
    for (std::size_t i = 0; i < ids; ++i) {
      const uint32_t key = keys[i] | 1;
      std::size_t slot = key * 2654435769u & (slots - 1);
      while (slot_of[slot] != 0 && slot_of[slot] != key) slot = (slot + 1) & (slots - 1);
      if (slot_of[slot] == 0) slot_of[slot] = key, ++found;
      numbers[i] = found;
    }
  }) / static_cast<double>(ids);
}

struct NamedCost {
  const char* name;
  double CostModel::*member;
};
constexpr std::array<NamedCost, 9> kCosts = {{{"read_row", &CostModel::read_row},
                                              {"read_byte", &CostModel::read_byte},
                                              {"update_row", &CostModel::update_row},
                                              {"update_byte", &CostModel::update_byte},
                                              {"handle_id", &CostModel::handle_id},
                                              {"node_latency", &CostModel::node_latency},
                                              {"node_byte", &CostModel::node_byte},
                                              {"network_latency", &CostModel::network_latency},
                                              {"network_byte", &CostModel::network_byte}}};

}  // namespace

CostModel measure_memory(const CalibrationOptions& options, const CostModel& defaults) {
  CostModel model = defaults;
  std::vector<float> table(std::max<std::size_t>(options.table_bytes / sizeof(float), kWide * 64), 1.0f);
  // Filling takes the first part of the time; rows are chosen so few that the passes take no more than what is left.
  const double seconds_a_row = 100e-9, widths = 2, kinds = 2;
  const auto reads = static_cast<std::size_t>(std::clamp(options.seconds / 2 / (widths * kinds * kPasses * seconds_a_row), 1e3, 1e5));
  RowProbe narrow(table, kNarrow, reads), wide(table, kWide, reads / 4);
  const double narrow_bytes = kNarrow * sizeof(float), wide_bytes = kWide * sizeof(float);
  std::tie(model.read_row, model.read_byte) = line_through(narrow_bytes, narrow.read(), wide_bytes, wide.read());
  std::tie(model.update_row, model.update_byte) = line_through(narrow_bytes, narrow.update(), wide_bytes, wide.update());
  model.handle_id = std::max(seconds_an_id(std::min<std::size_t>(reads, 1u << 15)), kSmallest);
  return model;
}

CostModel measure_costs(core::Communicator& comm, int nodes, const CalibrationOptions& options, const CostModel& defaults) {
  CostModel model = defaults;
  if (comm.is_root()) model = measure_memory(options, defaults);
  if (comm.size() > 1) {
    const auto ranks = static_cast<std::size_t>(comm.size());
    const auto seconds = [&](std::size_t slice) {
      const std::vector<float> send(slice * ranks, 1.0f);
      std::vector<float> receive(slice * ranks);
      comm.all_to_all(send, receive);  // pages and connections
      return fastest(2 * kPasses, [&] { comm.all_to_all(send, receive); });
    };
    const auto others = static_cast<double>(ranks - 1);
    const std::size_t large_slice = std::max(std::min(kLargeSlice, kLargestSend / ranks), 2 * kSmallSlice);
    const double small_bytes = others * kSmallSlice * sizeof(float), large_bytes = others * static_cast<double>(large_slice * sizeof(float));
    // In this order: each is a collective.
    const double small = seconds(kSmallSlice), large = seconds(large_slice);
    const auto [latency, byte] = line_through(small_bytes, small, large_bytes, large);
    if (nodes > 1) model.network_latency = latency / others, model.network_byte = byte;
    else model.node_latency = latency, model.node_byte = byte;
  }
  std::array<double, kCosts.size()> values{};
  for (std::size_t i = 0; i < kCosts.size(); ++i) values[i] = model.*kCosts[i].member;
  comm.broadcast(std::as_writable_bytes(std::span(values)), 0);
  for (std::size_t i = 0; i < kCosts.size(); ++i) model.*kCosts[i].member = values[i];
  return model;
}

nlohmann::ordered_json to_json(const CostModel& model) {
  nlohmann::ordered_json json;
  for (const NamedCost& cost : kCosts) json[cost.name] = model.*cost.member;
  return json;
}

CostModel cost_model_from_json(const nlohmann::json& json) {
  CostModel model;
  std::string names;
  for (const NamedCost& cost : kCosts) names += (names.empty() ? "" : ", ") + std::string(cost.name);
  if (!json.is_object()) throw core::usage_error("a cost model is a JSON object", "its keys are " + names);
  for (const auto& [key, value] : json.items()) {
    const auto found = std::find_if(kCosts.begin(), kCosts.end(), [&](const NamedCost& cost) { return key == cost.name; });
    if (found == kCosts.end()) throw core::usage_error("a cost model has no \"" + key + "\"", "its keys are " + names);
    if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>()))
      throw core::usage_error("the cost \"" + key + "\" is no positive number of seconds", "measure it again, or leave it out");
    model.*found->member = value.get<double>();
  }
  return model;
}

}  // namespace cohort::trainer

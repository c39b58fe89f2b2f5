#include "trainer/optimizer.h"

#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include "core/error.h"
#include "core/philox.h"
#include "core/toml_document.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {
namespace {

using testing::HasSubstr;

struct OptimizerFile {
  core::Choice optimizer;
  static void describe(core::Describe<OptimizerFile>& d) { d.choice("optimizer", &OptimizerFile::optimizer, &optimizer_alternatives, "").required(); }
};

core::Choice choice_of(const std::string& text) {
  const core::TomlDocument document = core::TomlDocument::parse("[optimizer]\n" + text, "optimizer.toml");
  core::Diagnostics diagnostics(document);
  OptimizerFile file = core::read_options<OptimizerFile>(document, diagnostics);
  diagnostics.throw_if_errors();
  return file.optimizer;
}

/// A matrix of 3×5, a vector of 7, and a table of 6×4 of which steps see rows 1 and 4 alone.
class Optimizers : public testing::Test {
 protected:
  Optimizers()
      : layout({{"a.bias", {7}}, {"b.weight", {3, 5}}}, {}),
        users{.name = "users", .shape = {6, 4}, .offset = layout.parameter_floats(), .numel = 24},
        values(at::zeros({layout.parameter_floats() + users.numel})),
        gradient(static_cast<std::size_t>(layout.parameter_floats() + users.numel)) {
    const core::KeyedRandom random(1, "values", 0, 0);
    for (const FlatEntry& entry : all()) {
      for (int64_t i = 0; i < entry.numel; ++i) at_value(entry, i) = number(random, entry.offset + i);
    }
  }

  std::vector<FlatEntry> all() const {
    std::vector<FlatEntry> entries = layout.parameters();
    entries.push_back(users);
    return entries;
  }
  const FlatEntry& table() const { return users; }
  float& at_value(const FlatEntry& entry, int64_t i) { return values.data_ptr<float>()[entry.offset + i]; }
  static float number(const core::KeyedRandom& random, int64_t at) {
    return static_cast<float>(static_cast<double>(random.u64(static_cast<uint64_t>(at)) >> 40) / (1 << 23) - 1);
  }
  bool seen(int64_t row) const { return row == 1 || row == 4; }

  void draw_gradient(uint64_t step) {
    const core::KeyedRandom random(2, "gradient", static_cast<uint32_t>(step), 0);
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    for (const FlatEntry& entry : all()) {
      for (int64_t i = 0; i < entry.numel; ++i) {
        if (entry.name == "users" && !seen(i / 4)) continue;
        gradient[static_cast<std::size_t>(entry.offset + i)] = number(random, entry.offset + i);
      }
    }
  }

  std::unique_ptr<Optimizer> optimizer_of(const std::string& toml) const {
    return make_optimizer(choice_of(toml), layout, {{0, layout.parameter_floats()}}, {"users"});
  }
  /// Dense parameters by the optimizer, the rows seen by its rule.
  void step_all(Optimizer& optimizer, uint64_t step) {
    at::Tensor dense = values.narrow(0, 0, layout.parameter_floats());
    optimizer.step(dense, gradient.data(), step, optimizer.base_rate(), *comm);
    const RowRule& rule = optimizer.row_rule();
    const auto width = static_cast<std::size_t>(state_floats(rule, 4));
    if (row_state.empty()) row_state.assign(6 * width + 1, rule.initial());
    std::vector<RowUpdate> rows;
    for (const std::size_t row : {1u, 4u})
      rows.push_back({values.data_ptr<float>() + users.offset + 4 * row, row_state.data() + row * width, gradient.data() + users.offset + 4 * row});
    rule.update(rows, {.step = step, .rate = optimizer.base_rate(), .settings = optimizer.table_settings()[0], .dim = 4, .first_column = 0, .columns = 4});
  }

  /// libtorch's own optimizer over the same numbers: the matrix with `decay`, the vector without, each row seen with `table_decay`.
  template <class Torch, class Options>
  void expect_like(const std::string& toml, Options options, double decay, double table_decay) {
    std::vector<at::Tensor> mine, theirs;
    const auto add = [&](int64_t offset, std::vector<int64_t> shape) {
      int64_t numel = 1;
      for (const int64_t n : shape) numel *= n;
      mine.push_back(values.narrow(0, offset, numel));
      theirs.push_back(mine.back().clone().set_requires_grad(true));
    };
    for (const FlatEntry& entry : layout.parameters()) add(entry.offset, entry.shape);
    for (const int64_t row : {1, 4}) add(table().offset + 4 * row, {4});
    std::vector<torch::optim::OptimizerParamGroup> groups;
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      Options own = options;
      own.weight_decay(i >= 2 ? table_decay : layout.parameters()[i].shape.size() > 1 ? decay : 0);
      groups.emplace_back(std::vector<at::Tensor>{theirs[i]}, std::make_unique<Options>(own));
    }
    Torch reference(groups, options);
    const auto optimizer = optimizer_of(toml);
    const at::Tensor before = values.clone();
    for (uint64_t step = 0; step < 20; ++step) {
      draw_gradient(step);
      const at::Tensor flat = at::from_blob(gradient.data(), {static_cast<int64_t>(gradient.size())}, at::kFloat);
      for (std::size_t i = 0; i < mine.size(); ++i) theirs[i].mutable_grad() = flat.narrow(0, mine[i].storage_offset(), mine[i].numel()).clone();
      step_all(*optimizer, step);
      reference.step();
      for (std::size_t i = 0; i < mine.size(); ++i) {
        for (int64_t k = 0; k < mine[i].numel(); ++k) ASSERT_NEAR(mine[i].data_ptr<float>()[k], theirs[i].template data_ptr<float>()[k], 2e-6) << "step " << step << ", " << i;
      }
    }
    for (int64_t i = 0; i < table().numel; ++i) {
      if (seen(i / 4)) continue;
      EXPECT_EQ(at_value(table(), i), before.data_ptr<float>()[table().offset + i]) << "a row that no step saw moved";
    }
  }

  FlatLayout layout;
  FlatEntry users;
  at::Tensor values;
  std::vector<float> gradient, row_state;
  std::unique_ptr<core::Communicator> comm = core::make_self_communicator();
};

TEST_F(Optimizers, AdamIsLibtorchs) {
  expect_like<torch::optim::Adam>("name = \"adam\"\nrate = 0.01\nweight_decay = 0.1\nembedding_weight_decay = 0.05", torch::optim::AdamOptions(0.01), 0.1, 0.05);
}

TEST_F(Optimizers, AdamWIsLibtorchs) {
  expect_like<torch::optim::AdamW>("name = \"adamw\"\nrate = 0.01\nweight_decay = 0.1\nembedding_weight_decay = 0.05", torch::optim::AdamWOptions(0.01), 0.1, 0.05);
}

TEST_F(Optimizers, SgdIsLibtorchs) {
  expect_like<torch::optim::SGD>("name = \"sgd\"\nrate = 0.1\nmomentum = 0.8\nnesterov = true\nweight_decay = 0.01\nembedding_weight_decay = 0.02",
                                 torch::optim::SGDOptions(0.1).momentum(0.8).nesterov(true), 0.01, 0.02);
}

TEST_F(Optimizers, AdagradIsLibtorchs) {
  expect_like<torch::optim::Adagrad>("name = \"adagrad\"\nrate = 0.1\ntables = \"element_wise\"\nweight_decay = 0.01\nembedding_weight_decay = 0.02\ninitial = 0.1",
                                     torch::optim::AdagradOptions(0.1).initial_accumulator_value(0.1), 0.01, 0.02);
}

TEST_F(Optimizers, RowWiseAdagradKeepsOneSumARow) {
  const auto optimizer = optimizer_of("name = \"adagrad\"\nrate = 0.1");
  std::vector<double> expected, sums(6);
  for (int64_t i = 0; i < table().numel; ++i) expected.push_back(static_cast<double>(at_value(table(), i)));
  for (uint64_t step = 0; step < 10; ++step) {
    draw_gradient(step);
    for (const std::size_t row : {1u, 4u}) {
      const float* const g = gradient.data() + table().offset + 4 * row;
      for (int k = 0; k < 4; ++k) sums[row] += static_cast<double>(g[k]) * static_cast<double>(g[k]) / 4;
      for (std::size_t k = 0; k < 4; ++k) expected[4 * row + k] -= 0.1 * static_cast<double>(g[k]) / std::sqrt(sums[row]);
    }
    step_all(*optimizer, step);
  }
  for (int64_t i = 0; i < table().numel; ++i) EXPECT_NEAR(at_value(table(), i), expected[static_cast<std::size_t>(i)], 2e-6);
}

TEST_F(Optimizers, LambScalesEachParametersUpdateByItsTrustRatio) {
  const auto optimizer = optimizer_of("name = \"lamb\"\nrate = 0.01\nweight_decay = 0.1");
  std::map<std::string, std::vector<double>> w, m, v;
  for (const FlatEntry& entry : layout.parameters()) {
    for (int64_t i = 0; i < entry.numel; ++i) w[entry.name].push_back(static_cast<double>(at_value(entry, i)));
    m[entry.name] = v[entry.name] = std::vector<double>(static_cast<std::size_t>(entry.numel));
  }
  for (uint64_t step = 0; step < 10; ++step) {
    draw_gradient(step);
    for (const FlatEntry& entry : layout.parameters()) {
      std::vector<double> update;
      double norm = 0, update_norm = 0;
      for (std::size_t i = 0; i < w[entry.name].size(); ++i) {
        const double g = static_cast<double>(gradient[static_cast<std::size_t>(entry.offset) + i]);
        m[entry.name][i] = 0.9 * m[entry.name][i] + 0.1 * g;
        v[entry.name][i] = 0.999 * v[entry.name][i] + 0.001 * g * g;
        const double t = static_cast<double>(step + 1);
        update.push_back(m[entry.name][i] / (1 - std::pow(0.9, t)) / (std::sqrt(v[entry.name][i] / (1 - std::pow(0.999, t))) + 1e-6) +
                         (entry.shape.size() > 1 ? 0.1 : 0) * w[entry.name][i]);
        norm += w[entry.name][i] * w[entry.name][i];
        update_norm += update.back() * update.back();
      }
      for (std::size_t i = 0; i < update.size(); ++i) w[entry.name][i] -= 0.01 * std::sqrt(norm / update_norm) * update[i];
    }
    step_all(*optimizer, step);
  }
  for (const FlatEntry& entry : layout.parameters()) {
    for (int64_t i = 0; i < entry.numel; ++i) EXPECT_NEAR(at_value(entry, i), w[entry.name][static_cast<std::size_t>(i)], 1e-5) << entry.name;
  }
}

TEST_F(Optimizers, GroupsHaveARateAndADecayOfTheirOwn) {
  const auto optimizer = optimizer_of(R"(name = "sgd"
rate = 0.5
momentum = 0.0
[[optimizer.groups]]
match = "tables.*"
rate_factor = 0.1
[[optimizer.groups]]
match = "*bias"
rate_factor = 0
[[optimizer.groups]]
match = "b*"
weight_decay = 0.25)");
  draw_gradient(0);
  const at::Tensor before = values.clone();
  step_all(*optimizer, 0);
  for (const FlatEntry& entry : all()) {
    for (int64_t i = 0; i < entry.numel; ++i) {
      const float was = before.data_ptr<float>()[entry.offset + i], g = gradient[static_cast<std::size_t>(entry.offset + i)];
      const float expected = entry.name == "users" ? was - 0.05f * g : entry.name == "a.bias" ? was : was - 0.5f * (g + 0.25f * was);
      EXPECT_NEAR(at_value(entry, i), expected, 1e-6) << entry.name;
    }
  }
}

TEST_F(Optimizers, AGroupWithoutAParameterIsAMistake) {
  try {
    optimizer_of("name = \"adamw\"\n[[optimizer.groups]]\nmatch = \"tables.user\"");
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("optimizer.groups[0]: no parameter is left for \"tables.user\""));
    EXPECT_THAT(error.what(), HasSubstr("tables.users"));
  }
}

TEST(FitsPattern, StarsStandForAnyCharacters) {
  for (const char* pattern : {"*", "net.*", "*.weight", "net.*.weight", "n*0*t", "net.0.weight", "**"}) EXPECT_TRUE(fits_pattern("net.0.weight", pattern)) << pattern;
  for (const char* pattern : {"", "net", "*.bias", "net.*.weights", "weight*", "net.0.weight.*", "n*1*t"}) EXPECT_FALSE(fits_pattern("net.0.weight", pattern)) << pattern;
}

}  // namespace
}  // namespace cohort::trainer

// What is written from options reads back equal.
#include <cmath>

#include <gmock/gmock.h>

#include "core/options_reference.h"
#include "tests/core/sample_options.h"

namespace cohort::core::sample {
namespace {

using testing::HasSubstr;

const Schema& schema() { return Schema::of<Experiment>(); }

/// An experiment with nothing at its default.
Experiment full() {
  return read_experiment(R"(seed = 9223372036854775807
name = "größe \"x\"\n"
[data]
path = "d"
fold = 3
columns = ["a", "", "b\\c"]
[train]
epochs = 7
rate = 0.30000000000000004
limit = nan
determinism = "fast"
shuffle = false
small = -5
timeout = 1e22
note = ""
betas = []
flags = [true, false]
[[rules]]
columns = ["x"]
[[rules]]
bins = 5
[segments."odd key"]
column = "sex"
[segments.age]
column = "age"
[early]
patience = 9
[model]
name = "residual"
norm = "none"
[head]
blocks = 5
)");
}

TEST(OptionsWritten, TomlReadsBackEqual) {
  for (const Experiment& original : {full(), read_experiment(kBase)})
    for (const bool comments : {false, true}) {
      const Experiment copy = read_experiment(schema().to_toml(&original, comments));
      EXPECT_EQ(schema().to_json(&copy).dump(1), schema().to_json(&original).dump(1));
    }
}

TEST(OptionsWritten, JsonReadsBackEqual) {
  for (const Experiment& original : {full(), read_experiment(kBase)}) {
    const auto json = schema().to_json(&original);
    Experiment copy = full();
    schema().from_json(nlohmann::json::parse(json.dump()), &copy);
    EXPECT_EQ(schema().to_json(&copy).dump(1), json.dump(1));
  }
}

TEST(OptionsWritten, ValuesArriveInTheStruct) {
  const Experiment e = full();
  EXPECT_EQ(e.seed, INT64_MAX);
  EXPECT_EQ(e.name, "größe \"x\"\n");
  EXPECT_EQ(e.data.fold, 3);
  EXPECT_EQ(e.train.rate, 0.1 + 0.2);
  EXPECT_TRUE(std::isnan(e.train.limit));
  EXPECT_EQ(e.train.small, -5);
  EXPECT_EQ(e.train.note, "");
  EXPECT_EQ(e.train.flags, (std::vector<bool>{true, false}));
  EXPECT_TRUE(e.train.betas.empty());
  ASSERT_EQ(e.rules.size(), 2u);
  EXPECT_EQ(e.rules[0].bins, 32) << "a key left out keeps its default";
  EXPECT_EQ(e.segments.at("odd key").column, "sex");
  EXPECT_EQ(e.early->patience, 9);
  EXPECT_EQ(e.model.as<Residual>().norm, "none");
  EXPECT_EQ(e.head.as<Residual>().blocks, 5) << "a default component needs no name";
  EXPECT_THROW(e.model.as<Plain>(), std::logic_error);
}

TEST(OptionsWritten, DefaultsHoldWhereTheFileIsSilent) {
  const Experiment e = read_experiment(kBase);
  EXPECT_EQ(e.seed, 0);
  EXPECT_EQ(e.data.fold, std::nullopt);
  EXPECT_EQ(e.train.epochs, 20);
  EXPECT_EQ(e.train.limit, std::numeric_limits<double>::infinity());
  EXPECT_EQ(e.train.betas, (std::vector<double>{0.9, 0.999}));
  EXPECT_FALSE(e.early.has_value());
  EXPECT_EQ(e.model.as<Plain>().hidden, (std::vector<int64_t>{128, 64}));
}

TEST(OptionsWritten, AnIntegerIsTakenForAFloat) { EXPECT_EQ(read_experiment(kBase + "[train]\ntimeout = 3\n").train.timeout, 3.0); }

TEST(OptionsWritten, ReadingOneExperimentLeavesTheDefaultsOfTheNextAlone) {
  EXPECT_EQ(full().head.as<Residual>().blocks, 5);
  EXPECT_EQ(read_experiment(kBase).head.as<Residual>().blocks, 2);
  const Experiment first = read_experiment(kBase);
  Experiment second = first;
  const TomlDocument document = TomlDocument::parse(kBase + "[head]\nblocks = 9\n", "exp.toml");
  Diagnostics diagnostics(document);
  schema().read(document, "", &second, diagnostics);
  EXPECT_EQ(second.head.as<Residual>().blocks, 9);
  EXPECT_EQ(first.head.as<Residual>().blocks, 2);
}

TEST(OptionsWritten, OverridesReachEveryPlace) {
  TomlDocument document = TomlDocument::parse(kBase + "[[rules]]\nbins = 4\n", "exp.toml");
  for (const char* assignment : {"rules[0].bins=8", "train.epochs=3", "early.patience=2", "segments.age.column=age", "model.hidden=[5]"})
    document.set(assignment);
  Diagnostics diagnostics(document);
  const auto e = read_options<Experiment>(document, diagnostics);
  EXPECT_EQ(diagnostics.text(), "");
  EXPECT_EQ(e.rules.at(0).bins, 8);
  EXPECT_EQ(e.train.epochs, 3);
  EXPECT_EQ(e.early->patience, 2);
  EXPECT_EQ(e.segments.at("age").column, "age");
  EXPECT_EQ(e.model.as<Plain>().hidden, std::vector<int64_t>{5});
}

TEST(OptionsWritten, StoredOptionsThatDoNotFitAreDamage) {
  const Experiment e = full();
  const nlohmann::json good = schema().to_json(&e);
  const auto damage_of = [&](const char* pointer, const nlohmann::json& value) -> std::string {
    nlohmann::json json = good;
    json[nlohmann::json::json_pointer(pointer)] = value;
    Experiment target;
    try {
      schema().from_json(json, &target);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kDamaged);
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(damage_of("/train/epochs", 1.5), HasSubstr("number where an integer is expected\n  in the option \"epochs\"\n  in the option \"train\""));
  EXPECT_THAT(damage_of("/train/small", 3000000000), HasSubstr("out of range"));
  EXPECT_THAT(damage_of("/seed", UINT64_MAX), HasSubstr("out of range"));
  EXPECT_THAT(damage_of("/train/rate", "fast"), HasSubstr("string where a number is expected"));
  EXPECT_THAT(damage_of("/train/shuffle", 1), HasSubstr("true or false"));
  EXPECT_THAT(damage_of("/train/betas", 1), HasSubstr("a list"));
  EXPECT_THAT(damage_of("/name", nullptr), HasSubstr("a string"));
  EXPECT_THAT(damage_of("/rules/0", 3), HasSubstr("a table"));
  EXPECT_THAT(damage_of("/model/name", "other"), HasSubstr("\"other\", which this program does not have"));
  EXPECT_THAT(damage_of("/later", 3), HasSubstr("unknown key \"later\""));
}

TEST(OptionsWritten, TomlKeepsTheOrderOfDeclaration) {
  const Residual options;
  EXPECT_EQ(Schema::of<Residual>().to_toml(&options), "blocks = 2\nnorm = \"layer\"\n");
  EXPECT_EQ(Schema::of<Residual>().to_toml(&options, true),
            "# residual blocks (at least 1 and at most 64)\nblocks = 2\n"
            "# normalisation (one of \"layer\", \"batch\", \"none\")\nnorm = \"layer\"\n");
}

TEST(OptionsWritten, TemplateOffersTablesThatAreNotThereAsComments) {
  const Experiment defaults;
  const std::string text = schema().to_toml(&defaults, true);
  EXPECT_THAT(text, HasSubstr("# rules for columns\n# [[rules]]\n"));
  EXPECT_THAT(text, HasSubstr("# subgroups of rows\n# [segments.NAME]\n"));
  EXPECT_THAT(text, HasSubstr("# early stopping\n# [early]\n"));
  EXPECT_THAT(text, HasSubstr("# the dataset's folder (required)\npath = \"\"\n"));
  EXPECT_THAT(schema().to_toml(&defaults), HasSubstr("\nrules = []\n")) << "a resolved file says it all";
}

TEST(OptionsWritten, JsonSchemaStatesTypesBoundsAndRequiredKeys) {
  const auto json = schema().json_schema();
  EXPECT_EQ(json["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(json["additionalProperties"], false);
  EXPECT_EQ(json["required"], nlohmann::ordered_json::parse(R"(["data", "model"])"));
  const auto& train = json["properties"]["train"]["properties"];
  const std::string epochs = R"json({"type":"integer","minimum":1,"description":"passes over the training split (epochs)","default":20})json";
  const std::string rate = R"({"type":"number","exclusiveMinimum":0.0,"maximum":1.0,"description":"learning rate","default":0.001})";
  EXPECT_EQ(train["epochs"].dump(), epochs);
  EXPECT_EQ(train["rate"].dump(), rate);
  EXPECT_EQ(train["limit"].count("default"), 0u) << "JSON has no infinity";
  EXPECT_EQ(train["determinism"]["enum"].dump(), R"(["elastic","fast"])");
  EXPECT_EQ(train["betas"]["items"].dump(), R"({"type":"number","minimum":0.0,"exclusiveMaximum":1.0})");
  const auto& model = json["properties"]["model"];
  ASSERT_EQ(model["oneOf"].size(), 2u);
  EXPECT_EQ(model["oneOf"][1]["properties"]["name"]["const"], "residual");
  EXPECT_EQ(model["oneOf"][1]["required"].dump(), R"(["name"])");
  EXPECT_EQ(json["properties"]["rules"]["items"]["properties"]["bins"]["minimum"], 2);
  EXPECT_EQ(json["properties"]["segments"]["additionalProperties"]["required"].dump(), R"(["column"])");
}

TEST(OptionsWritten, ReferenceShowsEveryOption) {
  EXPECT_EQ(options_reference(Schema::of<Plain>()),
            "  hidden   ints   = [128, 64]\n"
            "      widths of the hidden layers (at least 1; not empty)\n"
            "  dropout  float  = 0.1\n"
            "      share of dropped units (at least 0 and below 1)\n");
  const std::string text = options_reference(schema());
  EXPECT_THAT(text, HasSubstr("[data]  the rows\n  path     string   = (required)\n"));
  EXPECT_THAT(text, HasSubstr("[[rules]]  rules for columns\n"));
  EXPECT_THAT(text, HasSubstr("[segments.NAME]  subgroups of rows\n"));
  EXPECT_THAT(text, HasSubstr("[early]  early stopping (optional)\n"));
  EXPECT_THAT(text, HasSubstr("[model]  the net (required)\n"));
  EXPECT_THAT(text, HasSubstr("\"residual\": a residual net\n"));
  EXPECT_THAT(text, HasSubstr("passes over the training split (epochs; at least 1)\n"));
}

struct Twice {
  int64_t a = 0;
  static void describe(Describe<Twice>& d) {
    d.field("a", &Twice::a, "");
    d.field("a", &Twice::a, "");
  }
};

TEST(OptionsWritten, DeclaringAnOptionTwiceIsTheProgrammersMistake) { EXPECT_THROW(Schema::of<Twice>(), std::logic_error); }

}  // namespace
}  // namespace cohort::core::sample

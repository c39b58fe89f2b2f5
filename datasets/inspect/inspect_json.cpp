#include <cstdio>

#include "datasets/inspect/inspect.h"

namespace cohort::datasets {
namespace {

/// The label's rate by class, or its mean; nothing where no row has one.
void add_label(const LabelTally& tally, const LabelSample& label, nlohmann::ordered_json& item) {
  if (tally.rows == 0) return;
  item["labelled"] = tally.rows;
  if (label.is_number()) {
    item["label_mean"] = tally.sum / static_cast<double>(tally.rows);
    return;
  }
  for (const uint64_t rows : tally.classes) item["label_rates"].push_back(static_cast<double>(rows) / static_cast<double>(tally.rows));
}

nlohmann::ordered_json histogram_json(const Histogram& histogram, const LabelSample& label) {
  nlohmann::ordered_json item;
  item["scale"] = to_string(histogram.scale);
  if (!histogram.period.empty()) item["period"] = histogram.period;
  item["edges"] = histogram.edges;
  item["rows"] = histogram.rows;
  item["below"] = histogram.below;
  item["above"] = histogram.above;
  for (const LabelTally& tally : histogram.labels) {
    nlohmann::ordered_json of_bin = nlohmann::ordered_json::object();
    add_label(tally, label, of_bin);
    item["labels"].push_back(std::move(of_bin));
  }
  return item;
}

nlohmann::ordered_json bar_json(const CategoryBar& bar, const LabelSample& label) {
  nlohmann::ordered_json item;
  if (!bar.value.empty()) item["value"] = bar.value;
  item["rows"] = bar.rows;
  add_label(bar.label, label, item);
  return item;
}

}  // namespace

nlohmann::ordered_json to_json(const DatasetReport& report) {
  nlohmann::ordered_json json;
  json["dataset"] = report.folder;
  json["identity"] = report.identity;
  json["rows"] = report.rows;
  json["bytes"] = report.bytes;
  json["shards"] = report.shards;
  json["parts"] = nlohmann::ordered_json::object();
  for (const auto& [part, rows] : report.parts) json["parts"][part] = rows;
  for (const Shard& shard : report.files)
    json["files"].push_back({{"file", shard.file}, {"part", shard.part}, {"rows", shard.rows}, {"bytes", shard.bytes}, {"sha256", shard.sha256}});
  if (report.label.known()) {
    json["label"] = {{"name", report.label.name}, {"classes", report.label.shown}};
    add_label(report.label.all, report.label, json["label"]);
  }
  json["sampled_every"] = report.stride;
  json["columns"] = nlohmann::ordered_json::array();
  for (const ColumnReport& column : report.columns) {
    nlohmann::ordered_json item;
    item["name"] = column.name;
    item["kind"] = to_string(column.kind);
    item["dtype"] = to_string(column.dtype);
    item["missing"] = column.missing;
    item["distinct"] = column.distinct;
    item["distinct_exact"] = column.distinct_exact;
    if (column.range) {
      const ColumnReport::Range& range = *column.range;
      item["min"] = range.min;
      item["max"] = range.max;
      item["mean"] = range.mean;
      item["sd"] = range.deviation;
      item["quantiles_exact"] = range.exact;
      for (std::size_t i = 0; i < range.quantiles.size(); ++i) {
        char key[16];
        std::snprintf(key, sizeof key, "%g", kInspectQuantiles[i]);
        item["quantiles"][key] = range.quantiles[i];
      }
    }
    if (column.mean_length > 0) item["mean_bytes"] = column.mean_length;
    item["top"] = nlohmann::ordered_json::array();
    for (const auto& [value, count] : column.top) item["top"].push_back({{"value", value}, {"rows", count}});
    for (const Histogram& histogram : column.histograms) item["histograms"].push_back(histogram_json(histogram, report.label));
    if (!column.bars.empty()) {
      for (const CategoryBar& bar : column.bars) item["bars"].push_back(bar_json(bar, report.label));
      if (column.rest.rows > 0) item["rest"] = bar_json(column.rest, report.label);
    }
    if (column.without.label.rows > 0) item["without"] = bar_json(column.without, report.label);
    json["columns"].push_back(std::move(item));
  }
  return json;
}

}  // namespace cohort::datasets

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "datasets/inspect/chart.h"
#include "datasets/inspect/inspect_words.h"
#include "datasets/inspect/page_style.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

std::string bytes_text(uint64_t bytes) {
  const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(units)) size /= 1024, ++unit;
  return unit == 0 ? thousands(bytes) + " bytes" : fmt::format("{:.1f} {}", size, units[unit]);
}

std::string figure_text(const ColumnReport& column, double value) {
  return escape_html(column.kind == Kind::kTime ? time_text(static_cast<int64_t>(value)) : brief_number(value));
}

std::string fact(const std::string& name, const std::string& value) { return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value)); }

/// How the label's rate is called in a table's head.
std::vector<std::string> rate_heads(const LabelSample& label) {
  if (!label.known()) return {};
  if (label.is_number()) return {"mean of " + label.name};
  std::vector<std::string> heads;
  for (const std::string& name : label.shown) heads.push_back(label.name + " = " + name);
  return heads;
}

std::string rate_cells(const LabelSample& label, const LabelTally& tally) {
  std::string cells;
  for (std::size_t shown = 0; shown < rate_heads(label).size(); ++shown) cells += fmt::format("<td class='number'>{}</td>", escape_html(label_text(label, tally, shown)));
  return cells;
}

std::string table_head(const std::string& caption, const std::vector<std::string>& words, std::size_t texts) {
  std::string head = fmt::format("<table><caption>{}</caption><thead><tr>", escape_html(caption));
  for (std::size_t i = 0; i < words.size(); ++i) head += fmt::format("<th scope='col'{}>{}</th>", i < texts ? "" : " class='number'", escape_html(words[i]));
  return head + "</tr></thead><tbody>";
}

/// The figures behind a chart, for who can't see it or wants them.
std::string histogram_table(const DatasetReport& dataset, const ColumnReport& column, const Histogram& histogram) {
  const bool rates = !histogram.labels.empty();
  std::vector<std::string> words{"from", "to", "rows", "share"};
  if (rates) {
    for (const std::string& head : rate_heads(dataset.label)) words.push_back(head);
  }
  uint64_t total = histogram.below + histogram.above;
  for (const uint64_t rows : histogram.rows) total += rows;
  std::string table = table_head(fmt::format("Rows by {} of {}", histogram.scale == Scale::kPeriods ? histogram.period : "value", column.name), words, 0);
  for (std::size_t bin = 0; bin < histogram.rows.size(); ++bin) {
    table += fmt::format("<tr><td class='number'>{}</td><td class='number'>{}</td><td class='number'>{}</td><td class='number'>{}</td>",
                         escape_html(edge_text(histogram, histogram.edges[bin])), escape_html(edge_text(histogram, histogram.edges[bin + 1])),
                         thousands(histogram.rows[bin]), percent(histogram.rows[bin], total));
    if (rates) table += rate_cells(dataset.label, histogram.labels[bin]);
    table += "</tr>";
  }
  return table + "</tbody></table>";
}

std::string bars_table(const DatasetReport& dataset, const ColumnReport& column) {
  const bool rates = std::any_of(column.bars.begin(), column.bars.end(), [](const CategoryBar& bar) { return bar.label.rows > 0; });
  std::vector<std::string> words{"value", column.kind == Kind::kSequence ? "occurrences" : "rows"};
  if (rates) {
    for (const std::string& head : rate_heads(dataset.label)) words.push_back(head);
  }
  std::string table = table_head("Most frequent values of " + column.name, words, 1);
  const auto line = [&](const std::string& name, const CategoryBar& bar) {
    table += fmt::format("<tr><th scope='row'>{}</th><td class='number'>{}</td>{}</tr>", escape_html(name), thousands(bar.rows), rates ? rate_cells(dataset.label, bar.label) : "");
  };
  for (const CategoryBar& bar : column.bars) line(bar.value, bar);
  if (column.rest.rows > 0) line("all others", column.rest);
  if (column.missing > 0 && column.kind != Kind::kSequence) line("missing", column.without);
  return table + "</tbody></table>";
}

std::string figures(const std::string& table) { return "<details><summary>Figures</summary><div class='wide'>" + table + "</div></details>"; }

std::string quantile_list(const ColumnReport& column) {
  // An id is a name, and names have no quantiles.
  if (!column.range || column.kind == Kind::kId) return "";
  const ColumnReport::Range& range = *column.range;
  std::string list = "<dl class='quantiles'>";
  const auto add = [&](const std::string& name, const std::string& value) { list += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value); };
  add("min", figure_text(column, range.min));
  for (std::size_t i = 0; i < range.quantiles.size(); ++i) {
    if (column.kind == Kind::kTime && kInspectQuantiles[i] != 0.5) continue;
    add(kInspectQuantiles[i] == 0.5 ? "median" : fmt::format("{:.0f} %", 100 * kInspectQuantiles[i]), figure_text(column, range.quantiles[i]));
  }
  add("max", figure_text(column, range.max));
  if (column.kind != Kind::kTime) {
    add("mean", figure_text(column, range.mean));
    add("sd", figure_text(column, range.deviation));
  }
  return list + "</dl>";
}

/// What is worth a word before any chart is read.
std::vector<std::string> notes_on(const DatasetReport& dataset, const ColumnReport& column) {
  std::vector<std::string> notes;
  const uint64_t known = dataset.rows - std::min(dataset.rows, column.missing);
  if (dataset.rows > 0 && known == 0) notes.push_back(column.kind == Kind::kSequence ? "always empty" : "always missing");
  const bool counted = column.kind != Kind::kSequence || !column.bars.empty();
  if (counted && known > 0 && column.distinct == 1) notes.push_back("one value");
  if (counted && known > 1 && column.kind != Kind::kSequence && column.distinct_exact && column.distinct == known) notes.push_back("all distinct");
  if (!column.feature) notes.push_back("no feature");
  return notes;
}

std::string charts(const DatasetReport& dataset, const ColumnReport& column, std::size_t number) {
  std::string html;
  if (column.kind == Kind::kText || column.kind == Kind::kSequence) {
    if (!column.histograms.empty()) html += fmt::format("<p class='line'>Length in {}</p>", column.kind == Kind::kText ? "characters" : "elements");
  }
  const bool two = column.histograms.size() == 2;
  if (two) html = fmt::format("<label class='switch'><input type='checkbox' id='log{}'>logarithmic scale</label>", number) + html;
  for (std::size_t i = 0; i < column.histograms.size(); ++i) {
    const Histogram& histogram = column.histograms[i];
    html += fmt::format("<div class='{}'>{}{}</div>", !two ? "one" : i == 0 ? "plain" : "log", histogram_chart(dataset, column, histogram),
                        figures(histogram_table(dataset, column, histogram)));
  }
  if (!column.bars.empty()) {
    if (column.kind == Kind::kSequence) html += "<p class='line'>Most frequent elements</p>";
    html += category_chart(dataset, column) + figures(bars_table(dataset, column));
  }
  return html;
}

std::string card(const DatasetReport& dataset, const ColumnReport& column, std::size_t number) {
  std::string html = fmt::format("<section class='card' id='c{}' aria-labelledby='h{}'><div class='head'><h3 id='h{}'>{}</h3><span class='chip'>{} · {}</span>", number, number,
                                 number, escape_html(column.name), to_string(column.kind), to_string(column.dtype));
  for (const std::string& note : notes_on(dataset, column)) html += fmt::format("<span class='chip note'>{}</span>", note);
  html += "</div>";
  std::string line = column.kind == Kind::kSequence ? fmt::format("{} empty ({})", thousands(column.missing), percent(column.missing, dataset.rows))
                                                    : fmt::format("{} missing ({})", thousands(column.missing), percent(column.missing, dataset.rows));
  if (column.distinct > 0) line += fmt::format(" · {}{} distinct", column.distinct_exact ? "" : "more than ", thousands(column.distinct));
  if (column.without.label.rows >= 5 && dataset.label.shown.size() <= 1) {
    const std::string what = dataset.label.is_number() ? "mean of " + dataset.label.name : dataset.label.name + " = " + dataset.label.shown[0];
    line += fmt::format(" · where missing, {}: {}", what, label_text(dataset.label, column.without.label));
  }
  html += fmt::format("<p class='line'>{}</p>", escape_html(line)) + charts(dataset, column, number) + quantile_list(column);
  return html + "</section>";
}

std::string overview(const DatasetReport& dataset) {
  std::string html = table_head("Columns", {"column", "kind", "missing", "distinct", "shape", "median, or most frequent"}, 6);
  for (std::size_t i = 0; i < dataset.columns.size(); ++i) {
    const ColumnReport& column = dataset.columns[i];
    const double share = dataset.rows == 0 ? 0 : static_cast<double>(column.missing) / static_cast<double>(dataset.rows);
    std::string typical = column.top.empty() ? "" : escape_html(shortened(column.top[0].first, 32)) + " <span class='soft'>" + percent(column.top[0].second, dataset.rows) + "</span>";
    const bool median = column.range && column.range->quantiles.size() > 3 && column.bars.empty();
    if (median) typical = figure_text(column, column.range->quantiles[3]);
    html += fmt::format("<tr><th scope='row'><a href='#c{}'>{}</a></th><td>{}</td><td><span class='meter'><i style='width:{:.1f}%'></i></span>{}</td><td>{}{}</td><td>{}</td>"
                        "<td>{}</td></tr>",
                        i, escape_html(column.name), to_string(column.kind), 100 * share, percent(column.missing, dataset.rows), column.distinct_exact ? "" : "&gt; ",
                        column.distinct == 0 ? "" : thousands(column.distinct), small_chart(column), typical);
  }
  return "<div class='wide'>" + html + "</tbody></table></div>";
}

std::string files(const DatasetReport& dataset) {
  std::string html = table_head("Shards", {"file", "part", "SHA-256", "rows", "bytes"}, 3);
  for (const Shard& shard : dataset.files) {
    html += fmt::format("<tr><th scope='row'>{}</th><td>{}</td><td><code>{}</code></td><td class='number'>{}</td><td class='number'>{}</td></tr>", escape_html(shard.file),
                        escape_html(shard.part), escape_html(shard.sha256), thousands(shard.rows), thousands(shard.bytes));
  }
  return "<div class='wide'>" + html + "</tbody></table></div>";
}

std::string label_line(const DatasetReport& dataset) {
  const LabelSample& label = dataset.label;
  if (!label.known() || label.all.rows == 0) return "";
  std::string html = fmt::format("<p>Label <strong>{}</strong>", escape_html(label.name));
  if (label.is_number()) return html + fmt::format(", mean {}</p>", label_text(label, label.all));
  if (label.shown.size() == 1) return html + fmt::format(": {} of the rows are <strong>{}</strong></p>", label_text(label, label.all), escape_html(label.shown[0]));
  html += fmt::format(", its {} most frequent classes:</p><ul class='legend'>", label.shown.size());
  for (std::size_t i = 0; i < label.shown.size(); ++i) html += fmt::format("<li><i class='c{}'></i>{} {}</li>", i, escape_html(label.shown[i]), label_text(label, label.all, i));
  return html + "</ul>";
}

}  // namespace

std::string to_html(const DatasetReport& report) {
  const std::string name = std::filesystem::path(report.folder).lexically_normal().filename().string();
  const std::string title = escape_html(name.empty() ? report.folder : name);
  std::string html = "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width,initial-scale=1'>"
                     "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">"
                     "<title>" + title + " · dataset</title><style>" + kPageStyle + "</style></head><body><a class='skip' href='#columns'>Skip to the columns</a>";
  html += "<header><h1>" + title + "</h1><p class='soft'><code>" + escape_html(report.folder) + "</code></p><dl class='facts'>";
  html += fact("rows", thousands(report.rows)) + fact("columns", std::to_string(report.columns.size())) + fact("shards", thousands(report.shards)) +
          fact("stored", bytes_text(report.bytes));
  if (report.parts.size() > 1) {
    for (const auto& [part, rows] : report.parts) html += fact("part " + part, thousands(rows) + " rows");
  }
  html += "</dl>" + label_line(report) + "<p class='soft'>identity <code>" + escape_html(report.identity) + "</code></p>";
  if (report.stride > 1) html += fmt::format("<p class='soft'>Charts, quantiles and label rates are made of one row in {}; counts are of all rows.</p>", report.stride);
  html += "</header><main><h2>Overview</h2>" + overview(report) + "<h2 id='columns'>Columns</h2><div class='cards'>\n";
  for (std::size_t i = 0; i < report.columns.size(); ++i) html += card(report, report.columns[i], i) + "\n";
  html += "</div><h2>Shards</h2>" + files(report) + "</main><footer>Written by <code>cohort inspect</code>.</footer></body></html>\n";
  return html;
}

}  // namespace cohort::datasets

// Charts of a column as inline SVG. Colours come from the page's style sheet, so that they follow light and dark.
#pragma once

#include <string>
#include <string_view>

#include "datasets/inspect/inspect.h"

namespace cohort::datasets {

/// Text for HTML: & < > " ' escaped, control characters replaced.
std::string escape_html(std::string_view text);

/// Bars of a histogram, and below them the label's rate in each bin with its 95 % interval (Wilson, Journal of the American Statistical
/// Association 22, 1927) or its mean. The chart names itself to screen readers.
std::string histogram_chart(const DatasetReport& dataset, const ColumnReport& column, const Histogram& histogram);

/// Horizontal bars of the most frequent values, the others as one, the missing ones as one, and the label's rate beside each.
std::string category_chart(const DatasetReport& dataset, const ColumnReport& column);

/// The shape alone, a line high; "" for a column that has none.
std::string small_chart(const ColumnReport& column);

/// What an end of a bin is called: a number, or a time as exact as its period.
std::string edge_text(const Histogram& histogram, double edge);
/// The label's rate or mean as text; "" where no row has one. `shown` is the class.
std::string label_text(const LabelSample& label, const LabelTally& tally, std::size_t shown = 0);

}  // namespace cohort::datasets

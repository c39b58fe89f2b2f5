// What the calendar says of a time, as numbers: hour, weekday, month …
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cohort::datasets {

struct CalendarField {
  std::string name;
  int first = 0, last = 0;  ///< the values it takes
  bool cyclic = true;       ///< the last value is followed by the first: written as sine and cosine where asked
};

/// minute, hour, weekday (0 Monday … 6), day (of the month), day_of_year, week (ISO 8601), month, quarter, weekend (0, 1). In this order.
const std::vector<CalendarField>& calendar_fields();
/// The number of a field by its name; calendar_fields().size() where there is none.
std::size_t calendar_field(const std::string& name);
/// The value of field `number` at a time in seconds UTC.
int calendar_value(std::size_t number, int64_t seconds);

}  // namespace cohort::datasets

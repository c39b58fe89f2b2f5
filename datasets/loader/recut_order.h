// The same steps, cut over another number of lanes.
#pragma once

#include <memory>

#include "datasets/loader/row_order.h"

namespace cohort::datasets {

/// Every step takes the rows that it takes in `order`, in the same sequence from lane to lane, cut over `lanes` lanes: neighbours joined where they are fewer,
/// each cut by row count where they are more. So an epoch's rows, and where a resumed run goes on, don't depend on `lanes`. Both numbers of lanes
/// are powers of two. Errors: Error (failed) where they are not.
std::unique_ptr<const RowOrder> make_recut_order(std::shared_ptr<const RowOrder> order, int64_t lanes);

}  // namespace cohort::datasets

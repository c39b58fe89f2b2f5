// Block shuffle: chunks in a keyed order, rows mixed within a few of them at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "datasets/loader/row_order.h"

namespace cohort::datasets {

/// An order for data far larger than memory, which reads each chunk once an epoch.
///
/// The chunks that hold training rows stand in the order of a keyed permutation of the epoch. That sequence of rows is cut into one stretch a lane,
/// of just the rows that the lane takes in the epoch; a lane goes through its stretch in windows of W = `block_chunks` chunks, and through the rows of a
/// window in the order of another keyed permutation. Windows of different lanes begin at different steps, so that reading is spread evenly.
///
/// Cost: a position is found in O(log chunks). A rank holds W chunks a lane of its own while it uses them, and needs room for W more to
/// read ahead. Every chunk is read by one lane, thus by one rank (by two where a stretch ends inside it): R ranks together read the data
/// once, whereas with the full shuffle each of them reads all of it. 16 bytes a chunk are held.
///
/// Quality: the rows of a global batch come from the chunks of L windows, about L·W of them, drawn from all C without replacement. Two rows of one chunk are
/// always in the same window, and meet in a batch with probability about (B/L − 1)/(window's rows − 1), which is C/(L·W) times as likely
/// as with the full shuffle; two rows of different chunks meet as often as with it. So where the chunks are alike nothing is lost. Where
/// they differ (rows sorted by time or customer), the mean of a batch varies more than that of a random one: its variance is the
/// random one's times about 1 + ρ·(B/(L·W))·(1 − L·W/C), with ρ the share of a value's variance that lies between chunks (the design
/// effect of cluster sampling: Kish, "Survey sampling", 1965, § 5.4). With the batches of 1,024 rows, 8 lanes and W = 8 it is at most
/// 17 times for ρ = 1, and 1.2 for ρ = 0.01.
/// The first and the last window of a lane's epoch may be smaller. The parts must outlive the order.
std::unique_ptr<const RowOrder> make_block_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t block_chunks,
                                                 uint64_t seed);

}  // namespace cohort::datasets

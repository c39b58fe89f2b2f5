// What the parts of a sharded lookup and update cost on this machine: the constants that the planner and its prediction go by.
#pragma once

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"

namespace cohort::trainer {

/// All in seconds. Rows are read and updated in random order from tables larger than the caches. A message costs latency + bytes × rate (the
/// α–β model; Hockney, "The communication challenge for MPP", Parallel Computing 20, 1994). Defaults are of no machine
/// in particular; their order of magnitude is that of a server's core, its memory, and a 100 Gb/s network.
struct CostModel {
  double read_row = 40e-9;       ///< a row out of memory, whatever its width
  double read_byte = 0.1e-9;     ///< and each of its bytes; also a byte copied or summed
  double update_row = 80e-9;     ///< reading and writing a row and its state, whatever their width
  double update_byte = 0.3e-9;   ///< and each of their bytes
  double handle_id = 10e-9;      ///< finding an id's first use in a batch, and packing it
  double node_latency = 3e-6;    ///< of a collective among the ranks of a node
  double node_byte = 0.1e-9;     ///< a byte from rank to rank of a node
  double network_latency = 5e-6;   ///< of a message to another node
  double network_byte = 0.08e-9;   ///< a byte from a rank to another node
};

struct CalibrationOptions {
  std::size_t table_bytes = 32u << 20;  ///< touched for the measurement, then given back
  double seconds = 0.1;                 ///< about how long it takes, local and between ranks together
};

/// Measures read_row to handle_id on this thread; local. The table is filled once, then each figure is the fastest of several
/// passes over rows in keyed random order, at two widths, which a line is laid through. The rest are `defaults`.
CostModel measure_memory(const CalibrationOptions& options = {}, const CostModel& defaults = {});

/// Collective. measure_memory on rank 0, then all-to-alls of two sizes among all ranks; rank 0's figures for all. What was timed among ranks is the
/// node's figures where `nodes` is 1; with more nodes it is the network's (all ranks take part, so the slower path is what is
/// seen), and the node's remain `defaults`.
CostModel measure_costs(core::Communicator& comm, int nodes, const CalibrationOptions& options = {}, const CostModel& defaults = {});

nlohmann::ordered_json to_json(const CostModel& model);
/// Keys that are absent keep their defaults. Throws Error (usage) on an unknown key or on what is no positive number.
CostModel cost_model_from_json(const nlohmann::json& json);

}  // namespace cohort::trainer

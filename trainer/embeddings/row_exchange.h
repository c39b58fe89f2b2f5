// How rows' vectors reach the ranks that look them up, and their gradients the ranks that keep them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/comm/communicator.h"
#include "trainer/embeddings/embedding_tables.h"
#include "trainer/embeddings/sparse_gradient.h"
#include "trainer/embeddings/table_lookup.h"

namespace cohort::trainer {

/// Two ways: where ranks see each other's memory, rows are read where they lie and gradients where they are made; elsewhere both travel by
/// all-to-all. A step goes: request (the ids are known early), fetch, area, send, received. Calls marked so are collective.
class RowExchange {
 public:
  virtual ~RowExchange() = default;

  /// What a request has brought about so far. Several may be open, fetched in the order in which they were made.
  class Request {
   public:
    virtual ~Request() = default;
  };
  /// Collective. Tells the ranks that keep them which rows will be fetched. `lookups`: one a table; must stand until fetched.
  virtual std::unique_ptr<Request> request(const std::vector<TableLookup>& lookups) = 0;
  /// Collective. Fills every lookup's `vectors`. Every rank's last update must have been published.
  virtual void fetch(const Request& request, std::vector<TableLookup>& lookups) = 0;

  /// Memory for this rank's entries of a step. `most_bytes`: the largest area that any rank needs in this step. Collective.
  virtual std::span<std::byte> area(std::size_t most_bytes) = 0;
  /// Collective. The area is filled. On one node a fence must follow before anybody calls received().
  virtual void send() = 0;
  /// The entries of table `own_shards()[shard].table` of every rank, in rank order, as far as they reach the shard's rows at least.
  virtual std::vector<SparseGradient> received(std::size_t shard) = 0;
};

/// Collective. The tables must outlive it. `whole_rows`: whether an update of some columns reads the gradient of all.
std::unique_ptr<RowExchange> make_row_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows);

}  // namespace cohort::trainer

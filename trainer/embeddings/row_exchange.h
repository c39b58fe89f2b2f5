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
/// all-to-all, in parts that set out early and are waited for late. A step goes: request, ask, answer, fetch, area, send, arrive, received. Collective calls
/// are marked so; those that start something come in the same order on all ranks.
class RowExchange {
 public:
  virtual ~RowExchange() = default;

  /// What a step's lookups have brought about so far. Several may be open, and each of the calls below is made in the order in which they were.
  class Request {
   public:
    virtual ~Request() = default;
    /// Gets on with what is under way. Doesn't wait.
    virtual void look() {}
  };
  /// Collective. How many rows will be fetched from the ranks that keep them sets out. `lookups`: one a table.
  virtual std::unique_ptr<Request> request(const std::vector<TableLookup>& lookups) = 0;
  /// Collective. Which rows sets out. For the numbers, which are small, it waits.
  virtual void ask(Request&) {}
  /// Collective. The rows' vectors set out, as they stand: this rank's last update before the fetch must have been made. Waits for what ask() sent out.
  virtual void answer(Request&) {}
  /// Collective. Fills every lookup's `vectors`; does itself what of the above wasn't done. Where ranks see each other's memory, every rank's last update must have been
  /// published.
  virtual void fetch(Request& request, std::vector<TableLookup>& lookups) = 0;

  /// Memory for this rank's entries of a step. `most_bytes`: the largest area that any rank needs in this step. Collective.
  virtual std::span<std::byte> area(std::size_t most_bytes) = 0;
  /// Collective. The area is filled: it sets out. On one node a fence must follow before anybody calls received().
  virtual void send() = 0;
  /// Collective. What was sent is here.
  virtual void arrive() {}
  /// The entries of table `own_shards()[shard].table` of every rank, in rank order, as far as they reach the shard's rows at least. Stand until the next area().
  /// Thread-safe.
  virtual std::vector<SparseGradient> received(std::size_t shard) = 0;

  /// Seconds spent so far in waiting for other ranks.
  virtual double waited() const { return 0; }
};

/// Collective. The tables must outlive it. `whole_rows`: whether an update of some columns reads the gradient of all.
std::unique_ptr<RowExchange> make_row_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows);

}  // namespace cohort::trainer

// The two ways of RowExchange.
#pragma once

#include "trainer/embeddings/row_exchange.h"

namespace cohort::trainer {

std::unique_ptr<RowExchange> make_window_exchange(core::Communicator& comm, const EmbeddingTables& tables);
std::unique_ptr<RowExchange> make_message_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows);

}  // namespace cohort::trainer

#include "experiments/true_probability.h"

#include "trainer/ranking.h"

namespace cohort::experiments {

std::optional<double> auc_of_true_probability(const Prepared& prepared, datasets::Part part, const trainer::Predictions& mine, core::Communicator& comm) {
  const datasets::Column* column = prepared.dataset.schema().find("true_probability");
  if (column == nullptr || column->feature || prepared.objective->task() != "binary") return std::nullopt;
  std::vector<float> truth(mine.row.size());
  core::together(comm, [&] {
    // Rows of a split are ascending: neighbours are read together.
    for (std::size_t i = 0; i < truth.size();) {
      const uint64_t first = prepared.split.row(part, mine.first + i);
      std::size_t n = 1;
      while (i + n < truth.size() && prepared.split.row(part, mine.first + i + n) == first + n) ++n;
      prepared.dataset.read(*column, first, std::span<float>(truth.data() + i, n));
      i += n;
    }
  });
  return trainer::rank_scores(comm, truth, mine.label).auc;
}

}  // namespace cohort::experiments

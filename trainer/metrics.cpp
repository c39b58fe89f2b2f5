#include "trainer/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/block_scoring.h"
#include "trainer/ranking.h"

namespace cohort::trainer {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBins = 15;

/// Collective. `sums(begin, end)` gives a block's sums, rows counted within `mine`; all blocks of all ranks are added in order of position.
template <class F>
std::vector<double> sum_blocks(core::Communicator& comm, const Predictions& mine, std::size_t width, F&& sums) {
  std::vector<double> blocks;
  const std::size_t rows = mine.row.size(), block = static_cast<std::size_t>(models::kScoreBlock);
  for (std::size_t begin = 0; begin < rows; begin += block) {
    std::vector<double> one(width, 0.0);
    sums(begin, std::min(rows, begin + block), one);
    blocks.insert(blocks.end(), one.begin(), one.end());
  }
  std::vector<double> total(width, 0.0);
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span<const double>(blocks)))) {
    const auto* values = reinterpret_cast<const double*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size() / sizeof(double); ++i) total[i % width] += values[i];
  }
  return total;
}

double clipped(float p) { return std::clamp(static_cast<double>(p), 1e-7, 1 - 1e-7); }

Metrics binary_metrics(core::Communicator& comm, const Predictions& mine, double threshold) {
  // log loss, Brier, right decisions, positives, then for each bin: rows, positives, Σp.
  const std::vector<double> sums = sum_blocks(comm, mine, 4 + 3 * kBins, [&](std::size_t begin, std::size_t end, std::vector<double>& s) {
    for (std::size_t i = begin; i < end; ++i) {
      const double y = mine.label[i] > 0.5f ? 1 : 0, p = static_cast<double>(mine.prediction[i]), q = clipped(mine.prediction[i]);
      s[0] -= y > 0 ? std::log(q) : std::log1p(-q);
      s[1] += (p - y) * (p - y);
      s[2] += (p >= threshold) == (y > 0) ? 1 : 0;
      s[3] += y;
      const int bin = std::isfinite(p) ? std::clamp(static_cast<int>(std::floor(kBins * p)), 0, kBins - 1) : 0;
      s[static_cast<std::size_t>(4 + 3 * bin)] += 1;
      s[static_cast<std::size_t>(5 + 3 * bin)] += y;
      s[static_cast<std::size_t>(6 + 3 * bin)] += p;
    }
  });
  const double n = static_cast<double>(mine.total);
  double ece = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    const double* s = sums.data() + 4 + 3 * bin;
    if (s[0] > 0) ece += std::abs(s[1] - s[2]) / n;
  }
  const Ranking ranking = rank_scores(comm, mine.prediction, mine.label);
  return {{"auc", ranking.auc},          {"pr_auc", ranking.average_precision}, {"ks", ranking.ks},
          {"gini", 2 * ranking.auc - 1}, {"log_loss", sums[0] / n},             {"brier", sums[1] / n},
          {"accuracy", sums[2] / n},     {"positive_rate", sums[3] / n},        {"ece15", ece}};
}

Metrics multiclass_metrics(core::Communicator& comm, const Predictions& mine) {
  const auto classes = static_cast<std::size_t>(mine.outputs);
  // log loss, then for each class: rows, rows predicted as it, both.
  const std::vector<double> sums = sum_blocks(comm, mine, 1 + 3 * classes, [&](std::size_t begin, std::size_t end, std::vector<double>& s) {
    for (std::size_t i = begin; i < end; ++i) {
      const float* p = mine.prediction.data() + i * classes;
      const auto truth = static_cast<std::size_t>(mine.label[i]);
      const auto guess = static_cast<std::size_t>(std::max_element(p, p + classes) - p);
      s[0] -= std::log(clipped(p[truth]));
      s[1 + 3 * truth] += 1;
      s[2 + 3 * guess] += 1;
      if (truth == guess) s[3 + 3 * truth] += 1;
    }
  });
  const double n = static_cast<double>(mine.total);
  double right = 0, f1 = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const double actual = sums[1 + 3 * c], guessed = sums[2 + 3 * c], both = sums[3 + 3 * c];
    right += both;
    if (actual + guessed > 0) f1 += 2 * both / (actual + guessed);
  }
  return {{"log_loss", sums[0] / n}, {"accuracy", right / n}, {"macro_f1", f1 / static_cast<double>(classes)}};
}

Metrics regression_metrics(core::Communicator& comm, const Predictions& mine) {
  const std::vector<double> sums = sum_blocks(comm, mine, 4, [&](std::size_t begin, std::size_t end, std::vector<double>& s) {
    for (std::size_t i = begin; i < end; ++i) {
      const double y = static_cast<double>(mine.label[i]), error = static_cast<double>(mine.prediction[i]) - y;
      s[0] += error * error;
      s[1] += std::abs(error);
      s[2] += y;
      s[3] += y * y;
    }
  });
  const double n = static_cast<double>(mine.total), mean = sums[2] / n, variance = sums[3] / n - mean * mean;
  return {{"mse", sums[0] / n}, {"rmse", std::sqrt(sums[0] / n)}, {"mae", sums[1] / n}, {"r2", variance > 0 ? 1 - sums[0] / n / variance : kNaN}};
}

}  // namespace

Metrics compute_metrics(core::Communicator& comm, const Predictions& mine, const std::string& task, double threshold) {
  if (task == "multiclass") return multiclass_metrics(comm, mine);
  if (task == "regression") return regression_metrics(comm, mine);
  return binary_metrics(comm, mine, threshold);
}

bool larger_is_better(const std::string& metric) {
  static const std::vector<std::string> smaller = {"log_loss", "brier", "ece15", "mse", "rmse", "mae"};
  return std::find(smaller.begin(), smaller.end(), metric) == smaller.end();
}

std::vector<std::string> metric_names(const std::string& task) {
  if (task == "multiclass") return {"log_loss", "accuracy", "macro_f1"};
  if (task == "regression") return {"mse", "rmse", "mae", "r2"};
  return {"auc", "pr_auc", "ks", "gini", "log_loss", "brier", "accuracy", "positive_rate", "ece15"};
}

}  // namespace cohort::trainer

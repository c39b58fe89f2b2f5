#include "models/block_scoring.h"

#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/core/grad_mode.h>

#include "models/table_ids.h"

namespace cohort::models {
namespace {

at::Tensor apply_link(Link link, const at::Tensor& logit) {
  if (link == Link::kSigmoid) return at::sigmoid(logit);
  if (link == Link::kSoftmax) return at::softmax(logit, 1);
  return logit;
}

/// The first `rows` rows of a padded copy of `vectors`.
at::Tensor pad_rows(const at::Tensor& x) {
  if (x.size(0) == kScoreBlock) return x;
  at::Tensor padded = at::zeros({kScoreBlock, x.size(1)});
  padded.narrow(0, 0, x.size(0)).copy_(x);
  return padded;
}

}  // namespace

at::Tensor dense_view(const datasets::RowBatch& rows, int64_t dense_width) {
  return at::from_blob(rows.dense, {rows.rows, dense_width}, at::kFloat);
}

at::Tensor look_up(const at::Tensor& table, const TableSpec& spec, const datasets::RowBatch& rows, int64_t categorical_count) {
  at::Tensor vectors = at::empty({rows.rows, spec.dim}, at::kFloat);
  const TableIds ids = table_ids(spec, rows, categorical_count);
  const float* const values = table.data_ptr<float>();
  pool_vectors(ids, spec.pooling, spec.dim, [&](int64_t i) { return values + ids.id(i) * spec.dim; }, vectors.data_ptr<float>());
  return vectors;
}

void score_block(Net& net, const std::vector<at::Tensor>& embedded, Link link, int64_t dense_width, const datasets::RowBatch& rows, float* out) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> parameters = net.parameters();
  const at::Device where = parameters.empty() ? at::Device(at::kCPU) : parameters.front().device();
  Batch batch;
  batch.dense = pad_rows(dense_view(rows, dense_width)).to(where);
  for (const at::Tensor& vectors : embedded) batch.embedded.push_back(pad_rows(vectors).to(where));
  Random random = Random::inactive();
  const at::Tensor prediction = apply_link(link, net.forward(batch, random).at("logit")).to(at::kCPU).contiguous();
  std::memcpy(out, prediction.data_ptr<float>(), static_cast<std::size_t>(rows.rows * prediction.size(1)) * sizeof(float));
}

}  // namespace cohort::models

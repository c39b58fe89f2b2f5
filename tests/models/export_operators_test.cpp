// Every operator the exporter knows, in ONNX Runtime against libtorch: all cases side by side in one net, so that one
// run checks them all.
#include <cmath>
#include <map>
#include <set>

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>
#include <gmock/gmock.h>

#include "core/error.h"
#include "models/artifact/scorer.h"
#include "models/export/aten_to_onnx.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using at::Tensor;

constexpr int64_t kWidth = 8;

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&)> forward;  ///< x [B, 8] in [-2, 2) → [B, …]
};

/// A constant of the net, not one of its weights.
Tensor ramp(at::IntArrayRef shape, double low = -1, double high = 1) {
  const at::tracer::impl::NoTracerDispatchMode unrecorded;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return at::linspace(low, high, count).reshape(shape);
}

Tensor indices(std::initializer_list<int64_t> values) {
  const at::tracer::impl::NoTracerDispatchMode unrecorded;
  return at::tensor(at::ArrayRef<int64_t>(values));
}

Tensor full_of(double value) {
  const at::tracer::impl::NoTracerDispatchMode unrecorded;
  return at::full({kWidth}, value);
}

Tensor above_zero(const Tensor& x) { return x.abs() + 0.1; }
Tensor cube(const Tensor& x) { return x.view({x.size(0), 2, 4}); }
Tensor flags(const Tensor& x) { return x > 0.2; }

std::vector<Case> elementwise_cases() {
  return {{"relu", [](const Tensor& x) { return x.relu(); }},
          {"relu_", [](const Tensor& x) { return (x * 1).relu_(); }},
          {"sigmoid", [](const Tensor& x) { return x.sigmoid(); }},
          {"tanh", [](const Tensor& x) { return x.tanh(); }},
          {"exp", [](const Tensor& x) { return x.exp(); }},
          {"log", [](const Tensor& x) { return above_zero(x).log(); }},
          {"sqrt", [](const Tensor& x) { return above_zero(x).sqrt(); }},
          {"neg", [](const Tensor& x) { return -x; }},
          {"sign floor ceil round",
           [](const Tensor& x) {
             return at::cat({x.sign(), x.floor(), x.ceil(), x.round()}, 1);
           }},
          {"erf sin cos atan",
           [](const Tensor& x) {
             return at::cat({x.erf(), x.sin(), x.cos(), x.atan()}, 1);
           }},
          {"reciprocal", [](const Tensor& x) { return above_zero(x).reciprocal(); }},
          {"rsqrt", [](const Tensor& x) { return above_zero(x).rsqrt(); }},
          {"square", [](const Tensor& x) { return x.square(); }},
          {"log1p expm1",
           [](const Tensor& x) {
             return at::cat({above_zero(x).log1p(), x.expm1()}, 1);
           }},
          {"log2 log10 exp2",
           [](const Tensor& x) {
             return at::cat({above_zero(x).log2(), above_zero(x).log10(), x.exp2()}, 1);
           }},
          {"gelu", [](const Tensor& x) { return at::gelu(x); }},
          {"gelu tanh", [](const Tensor& x) { return at::gelu(x, "tanh"); }},
          {"silu", [](const Tensor& x) { return at::silu(x); }},
          {"mish", [](const Tensor& x) { return at::mish(x); }},
          {"hardswish hardsigmoid", [](const Tensor& x) { return at::hardswish(x * 3) + at::hardsigmoid(x * 3); }},
          {"softplus", [](const Tensor& x) { return at::softplus(x * 20); }},
          {"softplus beta", [](const Tensor& x) { return at::softplus(x, 2.0, 1.5); }},
          {"log_sigmoid", [](const Tensor& x) { return at::log_sigmoid(x * 10); }},
          {"elu", [](const Tensor& x) { return at::elu(x, 0.7); }},
          {"elu scale", [](const Tensor& x) { return at::elu(x, 0.7, 1.3); }},
          {"selu celu", [](const Tensor& x) { return at::selu(x) + at::celu(x, 0.5); }},
          {"leaky_relu", [](const Tensor& x) { return at::leaky_relu(x, 0.2); }},
          {"clamp", [](const Tensor& x) { return x.clamp(-0.5, 0.7); }},
          {"clamp one side", [](const Tensor& x) { return x.clamp_min(-0.5) + x.clamp_max(0.3) + x.clamp(at::nullopt, 0.1); }},
          {"clamp tensors", [](const Tensor& x) { return x.clamp(ramp({8}) - 0.5, ramp({8}) + 0.5); }},
          {"hardtanh", [](const Tensor& x) { return at::hardtanh(x, -0.3, 0.4); }},
          {"relu6", [](const Tensor& x) { return at::relu6(x * 5); }},
          {"prelu", [](const Tensor& x) { return at::prelu(x, ramp({8}, 0.1, 0.5)); }},
          {"prelu channels", [](const Tensor& x) { return at::prelu(cube(x), ramp({2}, 0.1, 0.5)).flatten(1); }},
          {"glu", [](const Tensor& x) { return at::glu(x, 1); }},
          {"isnan isinf nan_to_num", [](const Tensor& x) {
             const Tensor bad = x / (x > 0).to(at::kFloat);  // ±x, −inf
             return at::cat({bad.isnan(), bad.isinf(), bad.nan_to_num(0.5, 3, -4)}, 1);
           }}};
}

std::vector<Case> arithmetic_cases() {
  return {
      {"add alpha", [](const Tensor& x) { return at::add(x, ramp({8}), 0.5) + 1; }},
      {"sub alpha", [](const Tensor& x) { return at::sub(x, x.square(), 2) - 0.25; }},
      {"rsub", [](const Tensor& x) { return at::rsub(x, 3.5, 2); }},
      {"mul broadcast", [](const Tensor& x) { return x * x.slice(1, 0, 1) * 2; }},
      {"add_ mul_", [](const Tensor& x) { return x.relu().add_(1).mul_(x); }},
      {"div", [](const Tensor& x) { return x / above_zero(x) / 3; }},
      {"div rounded", [](const Tensor& x) { return at::div(x, 0.3, "floor") + at::div(x, 0.3, "trunc"); }},
      {"integer division",
       [](const Tensor& x) {
         const Tensor i = (x * 10).to(at::kLong);
         return (at::div(i, 3, "floor") + at::div(i, 4, "trunc") + at::remainder(i, 5)).to(at::kFloat);
       }},
      {"remainder fmod", [](const Tensor& x) { return at::remainder(x, 0.7) + at::fmod(x, 0.7); }},
      {"pow", [](const Tensor& x) { return x.pow(2) + x.pow(3) + above_zero(x).pow(0.5) + above_zero(x).pow(ramp({8})) + x.pow(1); }},
      {"scalar pow", [](const Tensor& x) { return at::pow(2.0, x); }},
      {"addcmul addcdiv lerp",
       [](const Tensor& x) { return at::addcmul(x, x, x, 0.3) + at::addcdiv(x, x, above_zero(x), 0.2) + at::lerp(x, x.square(), 0.3); }},
      {"maximum minimum", [](const Tensor& x) { return at::maximum(x, ramp({8})) + at::minimum(x, -x) + at::max(x, ramp({8})); }},
      {"comparisons",
       [](const Tensor& x) {
         return at::cat({x > 0.3, x >= 0, x < ramp({8}), x <= -0.2, x.sign() == 1, x.sign() != -1}, 1);
       }},
      {"comparisons of integers",
       [](const Tensor& x) {
         const Tensor i = (x * 3).to(at::kLong);
         return at::cat({i > 1, i < 0.5, i == 2, at::eq(i, i.abs())}, 1);
       }},
      {"logic",
       [](const Tensor& x) {
         const Tensor a = x > 0, b = x < 1;
         return at::cat({a.logical_and(b), a.logical_or(b), a.logical_xor(b), a.logical_not(), a & b, a | b, a ^ b, ~a}, 1);
       }},
      {"where", [](const Tensor& x) { return at::where(flags(x), x, ramp({8})) + at::where(flags(x), 1.0, x); }},
      {"masked_fill", [](const Tensor& x) { return x.masked_fill(flags(x), -7); }},
      {"double", [](const Tensor& x) { return (x.to(at::kDouble) / 3.0 + 1).to(at::kFloat); }},
      {"mixed types", [](const Tensor& x) { return x + (x * 3).to(at::kInt) + flags(x); }}};
}

std::vector<Case> product_cases() {
  return {
      {"linear",
       [](const Tensor& x) {
         return at::linear(x, ramp({3, 8}), ramp({3}));
       }},
      {"linear no bias",
       [](const Tensor& x) {
         return at::linear(x, ramp({3, 8}));
       }},
      {"linear 3-d",
       [](const Tensor& x) {
         return at::linear(cube(x), ramp({3, 4}), ramp({3})).flatten(1);
       }},
      {"addmm",
       [](const Tensor& x) {
         return at::addmm(ramp({5}), x, ramp({8, 5}), 0.5, 2);
       }},
      {"mm",
       [](const Tensor& x) {
         return x.mm(ramp({8, 2}));
       }},
      {"matmul",
       [](const Tensor& x) {
         return x.matmul(ramp({8, 2}));
       }},
      {"bmm", [](const Tensor& x) { return cube(x).bmm(cube(x).transpose(1, 2)).flatten(1); }},
      {"baddbmm",
       [](const Tensor& x) {
         return at::baddbmm(ramp({2, 2}), cube(x), cube(x).mT(), 0.3, 0.7).flatten(1);
       }},
      {"mv", [](const Tensor& x) { return x.mv(ramp({8})).unsqueeze(1); }},
      {"addmv", [](const Tensor& x) { return at::addmv(x.select(1, 0), x, ramp({8})).unsqueeze(1); }},
      {"outer dot",
       [](const Tensor& x) { return x.matmul(at::outer(ramp({8}).relu(), ramp({3}).exp())) * ramp({4}).dot(ramp({4}).exp()); }},
      {"einsum",
       [](const Tensor& x) {
         return at::einsum("bij, bkj -> bik", {cube(x), cube(x)}).flatten(1);
       }},
      {"attention",
       [](const Tensor& x) { return at::scaled_dot_product_attention(cube(x), cube(x) * 2, cube(x).exp(), {}, 0.0, false).flatten(1); }},
      {"causal attention",
       [](const Tensor& x) { return at::scaled_dot_product_attention(cube(x), cube(x), cube(x), {}, 0.0, true).flatten(1); }},
      {"masked attention", [](const Tensor& x) {
         return at::scaled_dot_product_attention(cube(x), cube(x), cube(x), ramp({2, 2})).flatten(1);
       }}};
}

std::vector<Case> norm_cases() {
  return {{"layer_norm", [](const Tensor& x) { return at::layer_norm(x, {8}, ramp({8}), ramp({8}, 0, 1)); }},
          {"layer_norm plain", [](const Tensor& x) { return at::layer_norm(x, {8}); }},
          {"layer_norm two",
           [](const Tensor& x) {
             return at::layer_norm(cube(x), {2, 4}, ramp({2, 4}), {}, 1e-3).flatten(1);
           }},
          {"native_layer_norm", [](const Tensor& x) { return std::get<0>(at::native_layer_norm(x, {8}, ramp({8}), {}, 1e-5)); }},
          {"rms_norm", [](const Tensor& x) { return at::rms_norm(x, {8}, ramp({8}), 1e-6) + at::rms_norm(x, {8}); }},
          {"batch_norm",
           [](const Tensor& x) {
             return at::batch_norm(x, ramp({8}), ramp({8}), ramp({8}, -1, 0), ramp({8}, 0.5, 2), false, 0.1, 1e-5, false);
           }},
          {"batch_norm plain",
           [](const Tensor& x) { return at::batch_norm(x, {}, {}, ramp({8}), ramp({8}, 0.5, 2), false, 0.1, 1e-3, false); }},
          {"batch_norm channels",
           [](const Tensor& x) {
             return at::batch_norm(cube(x), ramp({2}), {}, ramp({2}), ramp({2}, 0.5, 2), false, 0.1, 1e-5, false).flatten(1);
           }},
          {"group_norm", [](const Tensor& x) { return at::group_norm(x, 2, ramp({8}), ramp({8})); }},
          {"softmax", [](const Tensor& x) { return x.softmax(1) + x.log_softmax(-1); }},
          {"softmax middle", [](const Tensor& x) { return cube(x).softmax(1).flatten(1); }},
          {"dropout off", [](const Tensor& x) { return at::dropout(x, 0.5, false) + at::feature_dropout(x, 0.2, false); }}};
}

std::vector<Case> reduce_cases() {
  return {{"sum",
           [](const Tensor& x) {
             return x.sum(1, true) + cube(x).sum(at::IntArrayRef{1, 2}).unsqueeze(1);
           }},
          {"sum of flags", [](const Tensor& x) { return flags(x).sum(1, true); }},
          {"mean", [](const Tensor& x) { return x.mean(-1, true); }},
          {"mean of the weights", [](const Tensor& x) { return x * ramp({4}).exp().sum() + ramp({4}).mean(); }},
          {"prod amax amin",
           [](const Tensor& x) {
             return at::cat({x.prod(1, true), x.amax(1, true), x.amin({1}, true)}, 1);
           }},
          {"max with positions",
           [](const Tensor& x) {
             const auto [values, positions] = x.max(1, true);
             return at::cat({values, positions}, 1);
           }},
          {"min with positions",
           [](const Tensor& x) {
             const auto [values, positions] = cube(x).min(2);
             return at::cat({values, positions}, 1);
           }},
          {"argmax argmin",
           [](const Tensor& x) {
             return at::cat({x.argmax(1, true), cube(x).argmin(2)}, 1);
           }},
          {"any all",
           [](const Tensor& x) {
             return at::cat({flags(x).any(1, true), flags(x).all(1, true)}, 1);
           }},
          {"logsumexp", [](const Tensor& x) { return (x * 30).logsumexp(1, true); }},
          {"norm",
           [](const Tensor& x) {
             return at::cat({x.norm(2, 1, true), at::linalg_vector_norm(x, 1, 1, true), at::linalg_vector_norm(x, 3, 1, true)}, 1);
           }},
          {"infinity norm", [](const Tensor& x) { return at::linalg_vector_norm(x, INFINITY, 1, true); }},
          {"var std",
           [](const Tensor& x) {
             return at::cat({x.var(1, true, true), x.std(1, false, true)}, 1);
           }},
          {"var_mean",
           [](const Tensor& x) {
             const auto [variance, mean] = at::var_mean(x, at::IntArrayRef{1}, true, true);
             return at::cat({variance, mean}, 1);
           }},
          {"cumsum", [](const Tensor& x) { return x.cumsum(1); }},
          {"topk",
           [](const Tensor& x) {
             const auto [values, positions] = x.topk(3, 1);
             return at::cat({values, positions}, 1);
           }},
          {"sort", [](const Tensor& x) { return std::get<0>(x.sort(1, true)); }}};
}

std::vector<Case> shape_cases() {
  return {{"view of the batch",
           [](const Tensor& x) {
             return x.view({x.size(0), 2, -1}).view({x.size(0) * 2, 4}).exp().view({x.size(0), 8});
           }},
          {"reshape flatten unflatten",
           [](const Tensor& x) {
             return x.reshape({-1, 4, 2}).flatten(1).unflatten(1, {2, 4}).flatten(1);
           }},
          {"squeeze unsqueeze", [](const Tensor& x) { return x.unsqueeze(1).squeeze(1).unsqueeze(-1).squeeze(-1); }},
          {"t",
           [](const Tensor& x) {
             return x.mm(ramp({3, 8}).t());
           }},
          {"transpose permute",
           [](const Tensor& x) {
             return cube(x).transpose(1, 2).exp().permute({0, 2, 1}).flatten(1);
           }},
          {"movedim swapaxes", [](const Tensor& x) { return cube(x).movedim(2, 0).exp().movedim(0, -1).swapaxes(1, 2).flatten(1); }},
          {"cat stack",
           [](const Tensor& x) {
             return at::cat({at::stack({x, x.exp(), -x}, 1).flatten(1), x.to(at::kDouble)}, -1).to(at::kFloat);
           }},
          {"cat over the batch",
           [](const Tensor& x) {
             return at::cat({x, x.exp()}, 0).slice(0, x.size(0));
           }},
          {"expand",
           [](const Tensor& x) {
             return x.slice(1, 0, 1).expand({x.size(0), 3}) + ramp({1, 3}).expand({x.size(0), 3});
           }},
          {"expand_as broadcast_to",
           [](const Tensor& x) {
             return x.slice(1, 2, 3).expand_as(x) + ramp({8}).broadcast_to({x.size(0), 8});
           }},
          {"repeat",
           [](const Tensor& x) {
             return x.repeat({1, 2}) + ramp({2}).repeat({x.size(0), 8});
           }},
          {"repeat_interleave", [](const Tensor& x) { return x.repeat_interleave(2, 1); }},
          {"flip", [](const Tensor& x) { return x.flip({1}); }},
          {"triu tril",
           [](const Tensor& x) {
             return x.matmul(ramp({8, 8}).exp().triu(1) + ramp({8, 8}).exp().tril());
           }},
          {"chunk",
           [](const Tensor& x) {
             const auto parts = x.chunk(3, 1);
             return parts[2] + parts[0].slice(1, 0, 2);
           }},
          {"split",
           [](const Tensor& x) {
             return x.split(3, 1)[2] + x.split_with_sizes({1, 2, 5}, 1)[1] + at::tensor_split(x, 4, 1)[3];
           }},
          {"unbind", [](const Tensor& x) { return cube(x).unbind(1)[1]; }},
          {"pad",
           [](const Tensor& x) {
             return at::constant_pad_nd(x, {1, 2}, 0.5);
           }},
          {"contiguous clone detach", [](const Tensor& x) { return cube(x).mT().contiguous().clone().detach().flatten(1); }},
          {"type_as", [](const Tensor& x) { return (x * 2).to(at::kInt).type_as(x); }}};
}

std::vector<Case> index_cases() {
  return {{"select", [](const Tensor& x) { return cube(x).select(1, -1) + cube(x).select(1, 0); }},
          {"select of the batch",
           [](const Tensor& x) {
             return x + at::cat({x, ramp({1, 8})}, 0).select(0, x.size(0));
           }},
          {"slice", [](const Tensor& x) { return x.slice(1, 1, 7, 2) + x.slice(1, -3); }},
          {"narrow", [](const Tensor& x) { return x.narrow(1, 2, 3) + x.narrow(1, -3, 3); }},
          {"index_select",
           [](const Tensor& x) {
             return x.index_select(1, indices({3, 0, 3}));
           }},
          {"embedding",
           [](const Tensor& x) {
             return at::embedding(ramp({5, 3}), (x.select(1, 0) + 2).to(at::kLong));
           }},
          {"gather", [](const Tensor& x) { return x.gather(1, (x + 2).to(at::kLong)) + x.take_along_dim((x + 2).to(at::kLong), 1); }},
          {"index",
           [](const Tensor& x) {
             return x.index({at::indexing::Slice(), indices({1, 4})});
           }},
          {"one_hot", [](const Tensor& x) { return at::one_hot((x.select(1, 1) + 2).to(at::kLong), 4).to(at::kFloat); }}};
}

std::vector<Case> creation_cases() {
  return {{"zeros ones full",
           [](const Tensor& x) {
             return x + at::zeros({x.size(0), 8}) + at::ones({8}) + at::full({x.size(0), 1}, 0.5);
           }},
          {"like", [](const Tensor& x) { return at::zeros_like(x) + at::ones_like(x) * at::full_like(x, 3); }},
          {"new",
           [](const Tensor& x) {
             return x.new_zeros({x.size(0), 8}) + x.new_ones({8}) + x.new_full({1}, 2);
           }},
          {"arange", [](const Tensor& x) { return x + at::arange(8) + at::arange(0, 4, 0.5); }},
          {"arange of the batch", [](const Tensor& x) { return x.index_select(0, at::arange(x.size(0))); }},
          {"linspace", [](const Tensor& x) { return x + at::linspace(-1, 2.5, 8) + at::linspace(0.3, 9, 1); }},
          {"eye", [](const Tensor& x) { return x.mm(at::eye(8)); }},
          {"batch mean by size", [](const Tensor& x) { return x.sum(1, true) / x.size(1); }}};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (auto group : {elementwise_cases(), arithmetic_cases(), product_cases(), norm_cases(), reduce_cases(), shape_cases(), index_cases(),
                     creation_cases()})
    cases.insert(cases.end(), group.begin(), group.end());
  return cases;
}

/// The case's result as float columns.
Tensor columns(const Case& tried, const Tensor& x) { return tried.forward(x).to(at::kFloat).flatten(1); }

TEST(ExportOperators, AgreeInOnnxRuntimeAndLibtorchAtEveryBatchSize) {
  const TestFolder folder;
  const datasets::FittedFeatures features = plain_columns(kWidth);
  std::vector<Case> cases;
  for (const Case& tried : all_cases()) {
    try {
      export_onnx(features, dense_net([&](const Tensor& x) { return columns(tried, x); }), {});
      cases.push_back(tried);
    } catch (const std::exception& error) {
      ADD_FAILURE() << tried.name << ": " << error.what();
    }
  }
  const ServedNet net = dense_net([&](const Tensor& x) {
    std::vector<Tensor> parts;
    for (const Case& tried : cases) parts.push_back(columns(tried, x));
    return at::cat(parts, 1);
  });
  const auto model = write_model(folder, export_onnx(features, net, {}));
  EXPECT_EQ(onnx_checker(folder, model), "");

  std::vector<int64_t> widths;
  int64_t width = 0;
  for (const Case& tried : cases) {
    widths.push_back(columns(tried, at::zeros({2, kWidth})).size(1));
    width += widths.back();
  }
  const RawTable table = sample_rows(features, 1000);
  const std::vector<float> torch = score(features, net, width, table), onnx = run_onnx(model, table);
  ASSERT_EQ(torch.size(), onnx.size());
  int64_t first = 0;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    std::vector<float> a, b;
    for (int64_t row = 0; row < static_cast<int64_t>(table.rows); ++row)
      for (int64_t i = first; i < first + widths[c]; ++i) {
        a.push_back(onnx[static_cast<std::size_t>(row * width + i)]);
        b.push_back(torch[static_cast<std::size_t>(row * width + i)]);
      }
    EXPECT_LT(largest_difference(a, b), 1e-5) << cases[c].name;
    first += widths[c];
  }
}

/// The message of the refusal.
std::string refusal(const std::function<Tensor(const Tensor&)>& forward) {
  try {
    export_onnx(plain_columns(kWidth), dense_net(forward), {});
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "exported";
}

using testing::AllOf;
using testing::HasSubstr;

TEST(ExportOperators, NameTheOperatorThatCantBeExportedAndThoseThatCan) {
  EXPECT_THAT(refusal([](const Tensor& x) { return x.lgamma(); }), AllOf(HasSubstr("aten::lgamma"), HasSubstr("layer_norm, ")));
  EXPECT_THAT(refusal([](const Tensor& x) { return at::rand_like(x); }), AllOf(HasSubstr("aten::rand_like"), HasSubstr("random")));
  EXPECT_THAT(refusal([](const Tensor& x) { return at::dropout(x, 0.5, true); }), AllOf(HasSubstr("aten::dropout"), HasSubstr("eval()")));
  EXPECT_THAT(refusal([](const Tensor& x) { return at::batch_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false); }), HasSubstr("eval()"));
}

TEST(ExportOperators, RefuseWhatFollowsTheBatchInNoKnownWay) {
  EXPECT_THAT(refusal([](const Tensor& x) { return x.mean(0, true).expand_as(x) / static_cast<double>(x.size(0)); }),
              HasSubstr("aten::div"));
  EXPECT_THAT(refusal([](const Tensor& x) { return x + at::full({1}, x.size(0) * x.size(0)); }), HasSubstr("in no known way"));
  EXPECT_THAT(refusal([](const Tensor& x) { return x.size(0) > 3 ? x.exp() : x.tanh(); }), HasSubstr("another batch size runs"));
  EXPECT_THAT(refusal([](const Tensor& x) { return x * x.sum().item<float>(); }), HasSubstr(".item()"));
  EXPECT_THAT(refusal([](const Tensor& x) { return x.index({x > 0}); }), HasSubstr("aten::index"));
  EXPECT_THAT(refusal([](const Tensor& x) { return x.sum(0); }), HasSubstr("[B, K]"));
}

TEST(ExportOperators, RefuseAnInPlaceChangeOfMemoryThatIsReadThroughAView) {
  EXPECT_THAT(refusal([](const Tensor& x) {
                Tensor y = x * 2;
                const Tensor part = y.slice(1, 0, 4);
                y.add_(1);
                return part;
              }),
              AllOf(HasSubstr("aten::add_"), HasSubstr("view")));
  EXPECT_THAT(refusal([](const Tensor& x) {
                Tensor y = x * 2;
                y.slice(1, 0, 4).zero_();
                return y;
              }),
              HasSubstr("aten::zero_"));
}

TEST(ExportOperators, TakeAnInPlaceChangeThatNothingElseSees) {
  EXPECT_EQ(refusal([](const Tensor& x) { return at::cat({x, (x * 2).relu_(), x.flatten(1)}, 1); }), "exported");
}

TEST(ExportOperators, RefuseMemoryThatIsFilledUnrecorded) {
  EXPECT_THAT(refusal([](const Tensor& x) {
                return x + at::tensor(at::ArrayRef<float>({1, 2, 3, 4, 5, 6, 7, 8}));
              }),
              AllOf(HasSubstr("aten::empty"), HasSubstr("before forward")));
  EXPECT_THAT(refusal([](const Tensor& x) { return x + full_of(static_cast<double>(x.size(0))); }), HasSubstr("a constant changes"));
}

TEST(ExportOperators, NameTheWeightNearestToTheRefusedOperator) {
  const Tensor weight = ramp({8, 8});
  try {
    export_onnx(plain_columns(kWidth),
                dense_net([&](const Tensor& x) { return at::linear(x, weight).lgamma(); }, {{"head.weight", weight}}), {});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("head.weight"));
  }
}

}  // namespace
}  // namespace cohort::models

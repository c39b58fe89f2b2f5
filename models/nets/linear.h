// Linear layers on the CPU through oneDNN, which libtorch holds but doesn't use for float32: its kernels follow what the processor can do, where MKL's stay
// at AVX2 on processors of other makers (2.2 times slower there).
#pragma once

#include <ATen/core/Tensor.h>

namespace cohort::models {

/// x·Wᵀ + b, [B, O] of x [B, I], weight [O, I] and bias [O]; below zero 0 with `relu`, NaN stays. Differentiable once.
///
/// Own path: float32 on the CPU, at least 8 outputs, not recorded for export, not under autocast, and no MKL_CBWR=COMPATIBLE (which asks for bits that all processors share).
/// Else libtorch's linear and relu. Like every product's, a row's bits may depend on B; with one intra-op thread they are the same on every run, whatever
/// the addresses, on machines of one kind: oneDNN's choice of kernel follows instruction set and caches (ONEDNN_MAX_CPU_ISA limits it). Local, any thread.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool relu);

}  // namespace cohort::models

// The inverse of the standard normal distribution function, the same bits on every machine.
#pragma once

namespace cohort::core {

/// x with Φ(x) = p; relative error about 1e-15. p in (0, 1); −∞ and +∞ at the ends, NaN outside. Algorithm AS 241,
/// PPND16 (Wichura, "The percentage points of the normal distribution", Applied Statistics 37, 1988), with a logarithm
/// of its own: that of the C library may differ between machines in the last bit.
double normal_quantile(double p);

}  // namespace cohort::core

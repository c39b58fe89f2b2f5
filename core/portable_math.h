// Elementary functions by plain IEEE operations: the same bits on every machine, where those of the C library may differ in the last one.
#pragma once

namespace cohort::core {

/// Natural logarithm of a positive finite number, within about 1 ulp.
double portable_log(double x);

/// e^x, within about 1 ulp; 0 below −708, +∞ above 709, NaN for NaN.
double portable_exp(double x);

/// 1 / (1 + e^−x).
double portable_logistic(double x);

/// x^y of a positive finite x; relative error about |y log x| ulp.
double portable_pow(double x, double y);

/// cos(2π·turns) of a finite number of turns, within 2^−52.
double portable_cos_turns(double turns);

}  // namespace cohort::core

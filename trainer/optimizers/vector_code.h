// Loops over floats that are compiled once for AVX2 and once for every processor. Additions and products aren't fused, so both give the same bits.
#pragma once

#if defined(__x86_64__) && !defined(__clang__)
#define COHORT_VECTOR_CODE __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define COHORT_VECTOR_CODE
#endif

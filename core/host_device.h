// Marks functions that device code calls as well as the host: one text, so that a test on the host tests what runs on a device.
#pragma once

#if defined(__CUDACC__)
#define COHORT_HOST_DEVICE __host__ __device__
#else
#define COHORT_HOST_DEVICE
#endif

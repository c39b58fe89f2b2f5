# How everything is compiled. No -ffast-math and no -march=native anywhere: the same source must give the same bits.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
# Contracting a*b+c into one instruction where the target has it would make bits depend on the compiler's flags.
# Kernels get their own flags (CohortCuda.cmake).
add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-Wall> $<$<COMPILE_LANGUAGE:C,CXX>:-Wextra>
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wno-unused-parameter> $<$<COMPILE_LANGUAGE:C,CXX>:-ffp-contract=off>)

option(COHORT_BUILD_TESTS "Build the tests" ON)
option(COHORT_BUILD_BENCH "Build the micro-benchmarks" OFF)
option(COHORT_CUDA "Demand CUDA, NCCL and a CUDA build of libtorch" OFF)
set(COHORT_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread; empty for none")
if(COHORT_SANITIZE)
  add_compile_options(-fsanitize=${COHORT_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${COHORT_SANITIZE})
endif()

# libFuzzer's targets (tests/fuzz), under the address and undefined-behaviour sanitizers.
option(COHORT_FUZZ "Build the fuzz targets; needs clang" OFF)
if(COHORT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "COHORT_FUZZ needs clang with libFuzzer.\n"
      "  remedy: apt-get install clang libclang-rt-dev, and pass -DCMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(COHORT_CCACHE ccache)
if(COHORT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # A base directory lets a fresh clone elsewhere use what another one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_BASEDIR=${CMAKE_SOURCE_DIR};CCACHE_NOHASHDIR=1;CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime;${COHORT_CCACHE}")
endif()
find_program(COHORT_MOLD mold)
if(COHORT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# CUDA's compiler, NCCL and kernels. The installed package reads this file too.

# Called before libtorch is looked for, whose own configuration turns on the language CUDA: the toolkit that pip installed beside that libtorch is
# the one whose headers and runtime fit it, so it is taken before the machine's. Whoever names a compiler decides.
function(cohort_cuda_toolkit)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    file(GLOB compilers "${COHORT_TORCH}/lib/python3*/site-packages/nvidia/cu[0-9]*/bin/nvcc" "${COHORT_TORCH}/../nvidia/cu[0-9]*/bin/nvcc")
    if(NOT compilers)
      find_program(compiler nvcc HINTS "${CUDAToolkit_ROOT}/bin" "$ENV{CUDA_HOME}/bin" PATHS /usr/local/cuda/bin NO_CACHE)
      if(compiler)
        set(compilers "${compiler}")
      endif()
    endif()
    if(NOT compilers)
      cohort_missing("nvcc (COHORT_CUDA is on)" "cuda-toolkit of NVIDIA's repository, or pip install nvidia-cuda-nvcc beside libtorch")
    endif()
    list(GET compilers 0 compiler)
    set(CMAKE_CUDA_COMPILER "${compiler}" CACHE FILEPATH "CUDA's compiler")
  endif()
  if(CMAKE_CUDA_COMPILER AND NOT CUDAToolkit_ROOT AND NOT CUDA_TOOLKIT_ROOT_DIR)
    file(REAL_PATH "${CMAKE_CUDA_COMPILER}" compiler)
    get_filename_component(toolkit "${compiler}" DIRECTORY)
    get_filename_component(toolkit "${toolkit}" DIRECTORY)
    # A wrapper somewhere on the path says nothing of where the toolkit is.
    if(EXISTS "${toolkit}/include/cuda_runtime_api.h")
      set(CUDAToolkit_ROOT "${toolkit}" CACHE PATH "CUDA's toolkit")
      set(CUDA_TOOLKIT_ROOT_DIR "${toolkit}" CACHE PATH "The same, for libtorch's configuration")
    endif()
  endif()
  # Code for Ampere and Hopper, and instructions from which drivers make code for what came after. A build doesn't depend on the GPU it was made beside.
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPUs for which kernels are compiled")
  endif()
  # libtorch's configuration would look for a GPU to ask otherwise. Its flags go to nobody: kernels get their own below.
  if(NOT TORCH_CUDA_ARCH_LIST AND NOT DEFINED ENV{TORCH_CUDA_ARCH_LIST})
    set(TORCH_CUDA_ARCH_LIST "9.0" PARENT_SCOPE)
  endif()
endfunction()

# Called after libtorch was found. Sets COHORT_NCCL_INCLUDE, COHORT_NCCL_LIBRARY and COHORT_NCCL_VERSION where NCCL is there: beside a libtorch that pip
# installed, else the machine's. It has to be the one that libtorch is linked with: a process holds one.
function(cohort_find_nccl)
  set(beside "${COHORT_TORCH_ROOT}/../nvidia/nccl")
  find_path(COHORT_NCCL_INCLUDE nccl.h HINTS "${beside}/include")
  find_library(COHORT_NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS "${beside}/lib")
  if(COHORT_NCCL_INCLUDE)
    file(STRINGS "${COHORT_NCCL_INCLUDE}/nccl.h" version REGEX "#define NCCL_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]" "" version "${version}")
    string(REPLACE ";" "." version "${version}")
    set(COHORT_NCCL_VERSION "${version}" PARENT_SCOPE)
  endif()
endfunction()

# The kernels of a folder, <folder>/*.cu, in objects that `target` takes in; nothing where there is none. They take raw pointers and a stream, so they
# see neither libtorch's headers nor the flags that its configuration adds to every CUDA source.
function(cohort_cuda_kernels target folder)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cu")
  if(NOT sources)
    return()
  endif()
  set(CMAKE_CUDA_FLAGS "$CACHE{CMAKE_CUDA_FLAGS}" PARENT_SCOPE)
  # CMake 3.25 doesn't know that nvcc has C++20.
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20" PARENT_SCOPE)
  endif()
  add_library(${target}_kernels OBJECT ${sources})
  target_include_directories(${target}_kernels PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${target}_kernels PRIVATE COHORT_WITH_CUDA)
  # Contracting a*b+c into one instruction would make bits depend on the compiler, as it would on the host (CohortSettings.cmake).
  target_compile_options(${target}_kernels PRIVATE --fmad=false "-Xcompiler=-Wall,-Wextra,-Wno-unused-parameter,-ffp-contract=off")
  set_target_properties(${target}_kernels PROPERTIES
    CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF
    CUDA_ARCHITECTURES "$CACHE{CMAKE_CUDA_ARCHITECTURES}"
    CUDA_RUNTIME_LIBRARY Shared)  # libtorch's: a second runtime in one process would have streams of its own
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_kernels>)
endfunction()

# Wide headers, parsed once for all sources of a folder. Those of libtorch cost 10 to 20 s in each source that includes them; their precompiled
# form takes half a gigabyte.
option(COHORT_PCH "Precompile the wide headers" OFF)
set(COHORT_PLAIN_HEADERS <functional> <map> <memory> <string> <vector> <fmt/format.h> <nlohmann/json.hpp>)
set(COHORT_TORCH_HEADERS ${COHORT_PLAIN_HEADERS} <torch/nn/module.h> <torch/nn/modules/linear.h>)

# What `target`, which belongs to a folder, has precompiled. Targets that are compiled alike share one.
function(cohort_precompile target folder)
  if(NOT COHORT_PCH)
    return()
  endif()
  if(target MATCHES "^cohort_(core|datasets)$")
    target_precompile_headers(${target} PRIVATE ${COHORT_PLAIN_HEADERS})
  elseif(target STREQUAL "cohort_models")
    target_precompile_headers(${target} PRIVATE ${COHORT_TORCH_HEADERS})
  elseif(folder MATCHES "models|trainer|experiments")
    target_precompile_headers(${target} REUSE_FROM cohort_models)
  else()
    target_precompile_headers(${target} REUSE_FROM cohort_datasets)
  endif()
  # Lets ccache look through a precompiled header.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# One static library a folder: every .cpp below it, found anew when files come and go.
function(cohort_library folder)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/program/")  # a main() of its own is no part of a library
  add_library(cohort_${folder} STATIC ${sources})
  add_library(Cohort::${folder} ALIAS cohort_${folder})
  set_target_properties(cohort_${folder} PROPERTIES EXPORT_NAME ${folder})
  target_compile_features(cohort_${folder} PUBLIC cxx_std_20)
  target_include_directories(cohort_${folder} PUBLIC "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>" "$<INSTALL_INTERFACE:include/cohort>")
  target_link_libraries(cohort_${folder} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  cohort_precompile(cohort_${folder} ${folder})
endfunction()

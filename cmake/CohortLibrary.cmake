# Sources of a folder compiled a few at a time as one, so that the wide headers (those of libtorch cost 20 s, CLI11 and nlohmann/json
# 5 s each) are parsed once for all of them: a whole build takes a third of the time, one changed source more of it.
option(COHORT_UNITY "Compile several sources as one: faster from nothing, slower after a small change" OFF)
set(COHORT_UNITY_BATCH 12 CACHE STRING "Sources compiled as one with COHORT_UNITY")

function(cohort_compile_together target)
  if(COHORT_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${COHORT_UNITY_BATCH})
    # An unnamed namespace seems to belong to an included file then.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# One static library a folder: every .cpp below it that isn't in a library of its own (a folder with a CMakeLists.txt), found anew when files come and go.
function(cohort_library folder)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/program/")  # a main() of its own is no part of a library
  file(GLOB_RECURSE nested RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt")
  foreach(file IN LISTS nested)
    get_filename_component(own "${file}" DIRECTORY)
    list(FILTER sources EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${own}/")
  endforeach()
  add_library(cohort_${folder} STATIC ${sources})
  add_library(Cohort::${folder} ALIAS cohort_${folder})
  set_target_properties(cohort_${folder} PROPERTIES EXPORT_NAME ${folder})
  target_compile_features(cohort_${folder} PUBLIC cxx_std_20)
  target_include_directories(cohort_${folder} PUBLIC "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>" "$<INSTALL_INTERFACE:include/cohort>")
  target_link_libraries(cohort_${folder} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  cohort_compile_together(cohort_${folder})
endfunction()

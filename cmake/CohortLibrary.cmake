include(CohortFmtFirst)

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
endfunction()

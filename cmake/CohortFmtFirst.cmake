# libtorch ships headers of its own fmt, of another version than the system's library that spdlog and Cohort are linked with, in the folder that
# holds all its headers. A folder that holds the system's fmt alone, searched first, keeps the two apart.
function(cohort_fmt_first target)
  get_target_property(includes fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
  set(first "${CMAKE_BINARY_DIR}/fmt-first")
  foreach(include IN LISTS includes)
    if(EXISTS "${include}/fmt/core.h")
      file(MAKE_DIRECTORY "${first}")
      file(CREATE_LINK "${include}/fmt" "${first}/fmt" SYMBOLIC)
    endif()
  endforeach()
  target_include_directories(${target} BEFORE PUBLIC "$<BUILD_INTERFACE:${first}>")
endfunction()

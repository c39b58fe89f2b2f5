# Install target and the CMake package: find_package(Cohort) gives Cohort::core … Cohort::launch.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Cohort")
set(libraries cohort_core cohort_datasets cohort_models cohort_trainer cohort_experiments cohort_launch_data cohort_launch)
install(TARGETS ${libraries} EXPORT CohortTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT CohortTargets NAMESPACE Cohort:: DESTINATION "${package_folder}")

# The programs find libtorch where they were built against.
set_target_properties(cohort cohort-nets PROPERTIES INSTALL_RPATH_USE_LINK_PATH TRUE)
install(TARGETS cohort cohort-nets RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

# Headers keep their path, so that they are written as in the repository: #include "models/model.h".
foreach(folder core datasets models trainer experiments launch)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/${folder}/*.h")
  foreach(header IN LISTS headers)
    get_filename_component(below "${header}" DIRECTORY)
    install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cohort/${below}")
  endforeach()
endforeach()

# What the program reads at run time, and what a user starts from.
foreach(pattern "models/export/*.py" "datasets/import/*.py" "experiments/recipes/*.toml" "experiments/imports/*.toml")
  file(GLOB files CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/${pattern}")
  foreach(file IN LISTS files)
    get_filename_component(below "${file}" DIRECTORY)
    install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_DATADIR}/cohort/${below}")
  endforeach()
endforeach()

configure_package_config_file(cmake/CohortConfig.cmake.in "${CMAKE_BINARY_DIR}/CohortConfig.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/CohortConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/CohortConfig.cmake" "${CMAKE_BINARY_DIR}/CohortConfigVersion.cmake" cmake/CohortDependencies.cmake
  cmake/CohortFmtFirst.cmake cmake/CohortCuda.cmake DESTINATION "${package_folder}")

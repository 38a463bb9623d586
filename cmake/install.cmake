# SPDX-License-Identifier: Apache-2.0
# cmake --install: libraries, public headers as include/octet/<room>/, the octet command, and the package that
# find_package(octet) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY OCTET_ROOMS)
foreach(room IN LISTS rooms)
  get_target_property(headers octet_${room} OCTET_PUBLIC_HEADERS)
  foreach(header IN LISTS headers)
    cmake_path(GET header PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/src)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/octet/${folder})
  endforeach()
  install(TARGETS octet_${room} EXPORT octet)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/src/octet.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/octet)
get_property(umbrellas GLOBAL PROPERTY OCTET_UMBRELLAS)
install(TARGETS ${umbrellas} EXPORT octet)
if(TARGET octet)
  install(TARGETS octet)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
install(EXPORT octet NAMESPACE octet:: FILE octetTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/octetConfig.cmake.in ${PROJECT_BINARY_DIR}/octetConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may break what the last one promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/octetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/octetConfig.cmake ${PROJECT_BINARY_DIR}/octetConfigVersion.cmake
        DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

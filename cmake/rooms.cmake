# SPDX-License-Identifier: Apache-2.0
# One static library per room of docs/design.md, so that a link error shows an include that points up.

# octet_room(NAME LINKS ...): octet_NAME from src/NAME/*.cpp; with tests/NAME/*_test.cpp it also gets NAME_test.
function(octet_room NAME)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(octet_${NAME} STATIC ${sources})
  target_compile_features(octet_${NAME} PUBLIC cxx_std_20)
  set_target_properties(octet_${NAME} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${NAME})
  target_include_directories(octet_${NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                                                  $<INSTALL_INTERFACE:include>)
  target_link_libraries(octet_${NAME} ${ARG_LINKS})
  octet_compile_options(octet_${NAME})
endfunction()

# Every product is rounded before it is added (no FMA contraction): results are one and the same for every instruction
# set, as docs/numerics.md promises.
function(octet_compile_options TARGET)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-psabi -ffp-contract=off
                         $<$<BOOL:${OCTET_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# octet_tests(NAME LINKS ...): NAME_test from tests/NAME/*_test.cpp, each TEST a ctest of its own.
function(octet_tests NAME)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${NAME}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${NAME}_test ${sources})
  target_include_directories(${NAME}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${NAME}_test PRIVATE OCTET_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
                             OCTET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${NAME}_test PRIVATE ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  octet_compile_options(${NAME}_test)
  gtest_discover_tests(${NAME}_test DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST)
endfunction()

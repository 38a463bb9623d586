# SPDX-License-Identifier: Apache-2.0
# One static library per room of docs/design.md, so that a link error shows an include that points up. What a room links
# (LINKS) is also what it may include: tests/layering.cmake reads it back from the property OCTET_ROOMS.
#
# "octet/nn/module.h" is src/nn/module.h, because include/octet is a link to src. It lies in the sources and not in the
# build tree: all builds then compile the same text with the same paths, and ccache knows it again.

# octet_room(NAME [FAMILIES ...] LINKS ...): octet_NAME from src/NAME/*.cpp, or from the folders of its families there,
# each of which may include the ones before it. A header whose opening comment says "Private to" the room stays there:
# it is not installed, and no other room may include it.
function(octet_room NAME)
  cmake_parse_arguments(ARG "" "" "FAMILIES;LINKS" ${ARGN})
  set(folders ${PROJECT_SOURCE_DIR}/src/${NAME})
  if(ARG_FAMILIES)
    list(TRANSFORM ARG_FAMILIES PREPEND ${folders}/ OUTPUT_VARIABLE folders)
  endif()
  list(TRANSFORM folders APPEND /*.cpp OUTPUT_VARIABLE sources)
  list(TRANSFORM folders APPEND /*.h OUTPUT_VARIABLE headers)
  file(GLOB sources CONFIGURE_DEPENDS ${sources})
  if(NOT sources)
    return()
  endif()
  add_library(octet_${NAME} STATIC ${sources})
  target_compile_features(octet_${NAME} PUBLIC cxx_std_20)
  set_target_properties(octet_${NAME} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${NAME})
  target_include_directories(octet_${NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                  $<INSTALL_INTERFACE:include>)
  target_link_libraries(octet_${NAME} ${ARG_LINKS})
  octet_compile_options(octet_${NAME})

  file(GLOB headers CONFIGURE_DEPENDS ${headers})
  foreach(header IN LISTS headers)
    file(STRINGS ${header} opening LIMIT_COUNT 4 REGEX "^//")
    if(opening MATCHES "Private to") # the line may end there
      set(kind PRIVATE)
    else()
      set(kind PUBLIC)
    endif()
    set_property(TARGET octet_${NAME} APPEND PROPERTY OCTET_${kind}_HEADERS ${header})
  endforeach()
  set_target_properties(octet_${NAME} PROPERTIES OCTET_FAMILIES "${ARG_FAMILIES}")
  set_property(GLOBAL APPEND PROPERTY OCTET_ROOMS ${NAME})
endfunction()

# octet_umbrella(NAME ROOM...): the target octet::NAME, which stands for the rooms and all that they link.
function(octet_umbrella NAME)
  add_library(octet_umbrella_${NAME} INTERFACE)
  add_library(octet::${NAME} ALIAS octet_umbrella_${NAME})
  set_target_properties(octet_umbrella_${NAME} PROPERTIES EXPORT_NAME ${NAME})
  foreach(room IN LISTS ARGN)
    if(TARGET octet_${room})
      target_link_libraries(octet_umbrella_${NAME} INTERFACE octet_${room})
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY OCTET_UMBRELLAS octet_umbrella_${NAME})
endfunction()

# Every product is rounded before it is added (no FMA contraction): results are one and the same for every instruction
# set, as docs/design.md promises. -Wrestrict cries wolf over std::string in GCC 12 (bug 105651).
function(octet_compile_options TARGET)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-psabi -Wno-restrict -ffp-contract=off
                         $<$<BOOL:${OCTET_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# octet_program(NAME SOURCES ... LINKS ...): an executable of ours, linked with octet::octet.
function(octet_program NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE octet::octet ${ARG_LINKS})
  octet_compile_options(${NAME})
endfunction()

# octet_tests(NAME LINKS ...): NAME_test from tests/NAME/**/*_test.cpp, each TEST a ctest of its own. Sources called
# *_slow_test.cpp become NAME_slow_test, whose tests carry the label slow.
function(octet_tests NAME)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE fast CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${NAME}/*_test.cpp)
  set(slow ${fast})
  list(FILTER fast EXCLUDE REGEX "_slow_test[.]cpp$")
  list(FILTER slow INCLUDE REGEX "_slow_test[.]cpp$")
  if(fast)
    octet_test_program(${NAME}_test fast SOURCES ${fast} LINKS ${ARG_LINKS})
  endif()
  if(slow)
    octet_test_program(${NAME}_slow_test slow SOURCES ${slow} LINKS ${ARG_LINKS})
  endif()
endfunction()

function(octet_test_program NAME LABEL)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${NAME} PRIVATE OCTET_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
                             OCTET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${NAME} PRIVATE ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  octet_compile_options(${NAME})
  # Under the sanitizers half of the compiler's time would go into optimising tests; what they test is optimised.
  target_compile_options(${NAME} PRIVATE $<$<CONFIG:Debug>:-O0>)
  # Tests run side by side: threads that wait must not spin on the core that another test computes on.
  gtest_discover_tests(${NAME} DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
                       PROPERTIES ENVIRONMENT OMP_WAIT_POLICY=passive LABELS ${LABEL})
endfunction()

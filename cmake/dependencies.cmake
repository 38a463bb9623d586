# SPDX-License-Identifier: Apache-2.0
# The libraries that the rooms use, each private to its room. cmake/octetConfig.cmake.in finds again, for users of an
# installed copy, the ones that a static library must be linked with.

find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(dnnl REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(Protobuf REQUIRED)
# Of the ONNX package only the messages: its own CMake files ask for libraries that Debian does not ship.
find_library(OCTET_ONNX_PROTO onnx_proto REQUIRED)

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(OCTET_CCACHE ccache)
  if(OCTET_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${OCTET_CCACHE})
  endif()
endif()

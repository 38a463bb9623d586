# SPDX-License-Identifier: Apache-2.0
# octet_protobuf(TARGET FILE...): compiles src/FILE (compat/record.proto) into TARGET, whose own sources, and nobody
# else, include <octet/compat/record.pb.h>. The fuzzers' project uses this, too.
find_package(Protobuf REQUIRED)

function(octet_protobuf TARGET)
  cmake_path(GET CMAKE_CURRENT_FUNCTION_LIST_DIR PARENT_PATH top)
  set(generated ${PROJECT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${generated})
  foreach(file IN LISTS ARGN)
    cmake_path(REMOVE_EXTENSION file OUTPUT_VARIABLE stem)
    set(source ${generated}/octet/${stem}.pb.cc)
    add_custom_command(
      OUTPUT ${source} ${generated}/octet/${stem}.pb.h
      COMMAND protobuf::protoc --proto_path=${top}/include --cpp_out=${generated} octet/${file}
      DEPENDS ${top}/src/${file}
      VERBATIM)
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -w) # not ours to mend
    target_sources(${TARGET} PRIVATE ${source})
  endforeach()
  target_include_directories(${TARGET} SYSTEM PRIVATE ${generated})
  target_link_libraries(${TARGET} PRIVATE protobuf::libprotobuf)
endfunction()

# SPDX-License-Identifier: Apache-2.0
# cmake -DFACTS=file -P layering.cmake: reads every #include of the project and fails, naming file and include, where one
# breaks a rule of docs/design.md (FACTS sets ROOMS, LINKS_<room>, FAMILIES_<room> and PRIVATE_HEADERS as the build
# has them):
#   - a room includes only itself and the rooms that it links, which are the ones that the table in docs/design.md names;
#     what kernels are asked for, kernels/core/*_shape.h and kernels/float/function.h, stands on base alone, and may be
#     seen by the operator table, too;
#   - a family of a room includes itself and the families that CMakeLists.txt names before it;
#   - public headers include only each other and the standard C++ headers; private headers stay in their room;
#   - oneDNN and OpenMP are seen in src/kernels only, ONNX's messages in src/graph only, protobuf otherwise and the
#     messages of quantization in src/compat only, stb_image and libjpeg in src/data only;
#   - every source file starts with its licence.
cmake_minimum_required(VERSION 3.25)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH top)
include(${FACTS})
set(broken 0)

function(complain)
  list(JOIN ARGN "" text)
  message("${text}")
  math(EXPR broken "${broken} + 1")
  set(broken ${broken} PARENT_SCOPE)
endfunction()

# All rooms below a room, itself included: what it links, what those link, and so on.
function(rooms_below ROOM RESULT)
  set(below ${ROOM})
  foreach(next IN LISTS LINKS_${ROOM})
    rooms_below(${next} deeper)
    list(APPEND below ${deeper})
  endforeach()
  list(REMOVE_DUPLICATES below)
  set(${RESULT} ${below} PARENT_SCOPE)
endfunction()

# Complains if FILE includes INCLUDED, both of ROOM, from a family that comes after its own.
function(check_families ROOM FILE INCLUDED)
  string(REGEX REPLACE "^src/${ROOM}/([^/]+)/.*" "\\1" own ${FILE})
  string(REGEX REPLACE "^src/${ROOM}/([^/]+)/.*" "\\1" other ${INCLUDED})
  list(FIND FAMILIES_${ROOM} ${own} own_place)
  list(FIND FAMILIES_${ROOM} ${other} other_place)
  if(other_place GREATER own_place)
    complain(${FILE} ": includes " ${INCLUDED} ", but the order of families is " "${FAMILIES_${ROOM}}")
  endif()
  set(broken ${broken} PARENT_SCOPE)
endfunction()

function(check_file_of_room ROOM FILE)
  rooms_below(${ROOM} allowed)
  set(public FALSE)
  if(FILE MATCHES "[.]h$" AND NOT FILE IN_LIST PRIVATE_HEADERS)
    set(public TRUE)
  endif()
  file(STRINGS ${top}/${FILE} includes REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS includes)
    if(line MATCHES "\"octet/([a-z_]+)/([^\"]+)\"")
      set(other ${CMAKE_MATCH_1})
      set(included src/${other}/${CMAKE_MATCH_2})
      if(included MATCHES "^src/kernels/(core/[a-z]+_shape|float/function)[.]h$" AND ROOM STREQUAL "graph")
        # plain numbers
      elseif(FILE MATCHES "^src/kernels/(core/[a-z]+_shape|float/function)[.]h$" AND NOT other STREQUAL "base")
        complain(${FILE} ": " ${line} ": what kernels are asked for stands on base alone")
      elseif(NOT other IN_LIST allowed)
        complain(${FILE} ": " ${line} ": points up, " ${ROOM} " may include only " "${allowed}")
      elseif(included IN_LIST PRIVATE_HEADERS AND (public OR NOT other STREQUAL ROOM))
        complain(${FILE} ": " ${line} ": that header is private to " ${other})
      elseif(NOT EXISTS ${top}/${included})
        complain(${FILE} ": " ${line} ": no such file as " ${included})
      elseif(other STREQUAL ROOM AND FAMILIES_${ROOM})
        check_families(${ROOM} ${FILE} ${included})
      endif()
    elseif(line MATCHES "<([^>]+)>")
      set(header ${CMAKE_MATCH_1})
      if(public AND header MATCHES "[./]")
        complain(${FILE} ": " ${line} ": a public header shows only the standard library")
      elseif(header MATCHES "^(dnnl|oneapi/dnnl|omp[.]h)" AND NOT ROOM STREQUAL "kernels")
        complain(${FILE} ": " ${line} ": only src/kernels sees it")
      elseif(header MATCHES "^onnx/" AND NOT ROOM STREQUAL "graph")
        complain(${FILE} ": " ${line} ": only src/graph sees it")
      elseif(header MATCHES "^(google/protobuf/|octet/.*[.]pb[.]h)" AND NOT ROOM STREQUAL "compat")
        complain(${FILE} ": " ${line} ": only src/compat sees it")
      elseif(header MATCHES "stb_|^j(peglib|error)[.]h" AND NOT ROOM STREQUAL "data")
        complain(${FILE} ": " ${line} ": only src/data sees it")
      endif()
    else()
      complain(${FILE} ": " ${line} ": write \"octet/<room>/<file>.h\" or <header>")
    endif()
  endforeach()
  set(broken ${broken} PARENT_SCOPE)
endfunction()

# A row of the table reads | `src/nn/` | what lives there | autograd |
function(check_table_row ROOM)
  file(STRINGS ${top}/docs/design.md row REGEX "^[|] `src/${ROOM}/`" LIMIT_COUNT 1)
  if(NOT row MATCHES "[|] *([^|]+[^| ]) *[|]$")
    complain("docs/design.md: its table of rooms has no row for src/" ${ROOM} "/")
  else()
    set(written ${CMAKE_MATCH_1})
    list(JOIN LINKS_${ROOM} ", " linked)
    if(NOT LINKS_${ROOM})
      set(linked "nothing of ours")
    endif()
    if(NOT written STREQUAL linked AND NOT written STREQUAL "all above")
      complain("docs/design.md: src/" ${ROOM} "/ may include \"" ${written} "\", but CMakeLists.txt links \"" ${linked} "\"")
    endif()
  endif()
  set(broken ${broken} PARENT_SCOPE)
endfunction()

foreach(room IN LISTS ROOMS)
  check_table_row(${room})
  file(GLOB_RECURSE files RELATIVE ${top} ${top}/src/${room}/*.h ${top}/src/${room}/*.cpp)
  foreach(file IN LISTS files)
    check_file_of_room(${room} ${file})
  endforeach()
endforeach()

foreach(folder src apps tests bench cmake scripts .ci experiments)
  file(GLOB_RECURSE sources RELATIVE ${top} ${top}/${folder}/*.h ${top}/${folder}/*.cpp ${top}/${folder}/*.py
       ${top}/${folder}/*.sh ${top}/${folder}/*.cmake ${top}/${folder}/CMakeLists.txt ${top}/${folder}/*.yaml)
  list(FILTER sources EXCLUDE REGEX "/corpus/|^tests/data/compat/") # seeds of the fuzzers and files of releases are data
  foreach(source IN LISTS sources)
    file(STRINGS ${top}/${source} licence LIMIT_COUNT 3 REGEX "SPDX-License-Identifier: Apache-2[.]0")
    if(NOT licence)
      complain(${source} ": does not start with SPDX-License-Identifier: Apache-2.0")
    endif()
  endforeach()
endforeach()

if(broken)
  message(FATAL_ERROR "${broken} broken rules")
endif()

# SPDX-License-Identifier: Apache-2.0
# cmake -P build_and_run.cmake FOLDER BUILD OPTION...: configures the project in FOLDER with the options, builds it in
# BUILD and runs its program; those called bits_* must all print the same. (ctest --build-and-test would do, but it sets LC_ALL, which ccache takes for another
# compilation.)
cmake_minimum_required(VERSION 3.25)
set(options)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 5 ${last})
  list(APPEND options ${CMAKE_ARGV${i}})
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --fresh -S ${CMAKE_ARGV3} -B ${CMAKE_ARGV4} ${options} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${CMAKE_ARGV4} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_ARGV4}/consumer COMMAND_ERROR_IS_FATAL ANY)

file(GLOB programs ${CMAKE_ARGV4}/bits_*)
foreach(program IN LISTS programs)
  execute_process(COMMAND ${program} WORKING_DIRECTORY ${CMAKE_ARGV4} OUTPUT_VARIABLE bits COMMAND_ERROR_IS_FATAL ANY)
  if(NOT DEFINED expected)
    set(expected ${bits})
  elseif(NOT bits STREQUAL expected)
    message(FATAL_ERROR "${program} prints\n${bits}and ${first} prints\n${expected}")
  endif()
  list(GET programs 0 first)
endforeach()

# cmake -DSOURCE_DIR=… -DWORK_DIR=… -DCXX=… -P collatz_alone.cmake
# Builds the Collatz engine without the rest (src/compute/collatz/ as the top) and lets its program
# check the kernels. Without optimization and tests: this is about what it needs.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK_DIR})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  message(STATUS "${ARGN}\n${out}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed with ${code}: ${ARGN}")
  endif()
endfunction()

must(${CMAKE_COMMAND} -S ${SOURCE_DIR}/src/compute/collatz -B ${WORK_DIR} -G Ninja
     -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Debug -DKITH_TESTS=OFF)
must(${CMAKE_COMMAND} --build ${WORK_DIR})
must(${WORK_DIR}/collatz_rates --check)

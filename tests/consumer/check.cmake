# cmake -DBUILD_DIR=… -DWORK_DIR=… -DCXX=… -DMODE=find_package|pkg_config -P check.cmake
# Installs the library from BUILD_DIR into an empty prefix and builds the consumer against it.
cmake_minimum_required(VERSION 3.25)
set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  message(STATUS "${ARGN}\n${out}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed with ${code}: ${ARGN}")
  endif()
endfunction()

must(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix} --component development)

if(MODE STREQUAL find_package)
  must(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK_DIR}/build -G Ninja
       -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${prefix})
  must(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
  must(${WORK_DIR}/build/consumer)
elseif(MODE STREQUAL pkg_config)
  file(GLOB_RECURSE pc ${prefix}/*/kith.pc)
  cmake_path(GET pc PARENT_PATH pc_dir)
  set(ENV{PKG_CONFIG_PATH} ${pc_dir})
  execute_process(COMMAND pkg-config --static --cflags --libs kith
                  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  must(${CXX} -std=c++23 ${CMAKE_CURRENT_LIST_DIR}/main.cpp -o ${WORK_DIR}/consumer ${flags})
  must(${WORK_DIR}/consumer)
else()
  message(FATAL_ERROR "MODE is find_package or pkg_config, not '${MODE}'")
endif()

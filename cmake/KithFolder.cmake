# kith_folder(NAME DEPS a b PRIVATE lib...): one folder of src/ as target kith_NAME, and its
# *_test.cpp files as kith_NAME_test. DEPS are lower folders; PRIVATE are third parties whose home
# this folder is (tools/check_floors.py holds both tables and fails the lint when they disagree).
# PRECOMPILED and PRECOMPILED_TESTS are headers that most of its files (its tests) include and that
# take most of the time to compile them.
function(kith_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE;PUBLIC;PRECOMPILED;PRECOMPILED_TESTS" ${ARGN})
  list(TRANSFORM ARG_PRECOMPILED PREPEND ${PROJECT_SOURCE_DIR}/src/)
  list(TRANSFORM ARG_PRECOMPILED_TESTS PREPEND ${PROJECT_SOURCE_DIR}/src/)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  # main.cpp is no part of a library: src/app/CMakeLists.txt makes the program of it.
  list(REMOVE_ITEM sources ${tests} ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp)
  list(TRANSFORM ARG_DEPS PREPEND kith_)

  if(sources)
    add_library(kith_${name} STATIC ${sources})
    set_target_properties(kith_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(kith_${name} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(kith_${name} PUBLIC ${ARG_DEPS} ${ARG_PUBLIC}
                          PRIVATE $<BUILD_INTERFACE:kith_options> ${ARG_PRIVATE})
    target_precompile_headers(kith_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h
                              ${ARG_PRECOMPILED})
    kith_unity(kith_${name} ${sources})
    if(KITH_FUZZ)
      # What fuzz targets are to find their way by; a test program does without what reads it.
      target_compile_options(kith_${name} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    # Read by KithInstall.cmake, which makes one installed library of all folders.
    set_property(GLOBAL APPEND PROPERTY KITH_FOLDERS ${name})
    set_property(GLOBAL APPEND PROPERTY KITH_THIRD_PARTIES ${ARG_PUBLIC} ${ARG_PRIVATE})
  else()
    add_library(kith_${name} INTERFACE)
    target_include_directories(kith_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src
                               ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(kith_${name} INTERFACE ${ARG_DEPS} ${ARG_PUBLIC})
  endif()

  if(KITH_TESTS AND tests)
    add_executable(kith_${name}_test ${tests})
    set_target_properties(kith_${name}_test PROPERTIES KITH_IS_TEST ON)
    target_link_libraries(kith_${name}_test PRIVATE kith_${name} kith_options ${ARG_PRIVATE}
                          GTest::gtest_main rapidcheck)
    target_precompile_headers(kith_${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch_test.h
                              ${ARG_PRECOMPILED_TESTS})
    kith_unity(kith_${name}_test ${tests})
    target_compile_definitions(kith_${name}_test PRIVATE
      KITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    set(limit_s 120)
    if(KITH_SANITIZE)
      set(limit_s 300)
    endif()
    gtest_discover_tests(kith_${name}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}."
                         PROPERTIES TIMEOUT ${limit_s})
  endif()
endfunction()

# kith_program(NAME SOURCES a.cpp... LINK lib...): a program outside src/ (a benchmark, a fuzz
# target, a scenario). It links the folders that its sources include, and no others, so that a
# fuzz target of codec/ builds while host/ does not.
function(kith_program target)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  set(folders "")
  foreach(source ${ARG_SOURCES})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(STRINGS ${source} lines REGEX "^#include \"[a-z]+/")
    foreach(line ${lines})
      string(REGEX REPLACE "^#include \"([a-z]+)/.*" "\\1" folder "${line}")
      list(APPEND folders ${folder})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES folders)

  add_executable(${target} ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src
                             ${PROJECT_SOURCE_DIR}/include)
  target_compile_definitions(${target} PRIVATE KITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE kith_options ${ARG_LINK})
  foreach(folder ${folders})
    if(TARGET kith_${folder})
      target_link_libraries(${target} PRIVATE kith_${folder})
    endif()
  endforeach()
endfunction()

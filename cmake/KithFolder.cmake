# kith_folder(NAME DEPS a b PRIVATE lib...): one folder of src/ as target kith_NAME, and its
# *_test.cpp files as kith_NAME_test. DEPS are lower folders; PRIVATE are third parties whose home
# this folder is (tools/check_floors.py holds both tables and fails the lint when they disagree).
function(kith_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE;PUBLIC" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  list(TRANSFORM ARG_DEPS PREPEND kith_)

  if(sources)
    add_library(kith_${name} STATIC ${sources})
    set_target_properties(kith_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(kith_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
    target_link_libraries(kith_${name} PUBLIC ${ARG_DEPS} ${ARG_PUBLIC}
                          PRIVATE $<BUILD_INTERFACE:kith_options> ${ARG_PRIVATE})
    target_precompile_headers(kith_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
  else()
    add_library(kith_${name} INTERFACE)
    target_include_directories(kith_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(kith_${name} INTERFACE ${ARG_DEPS} ${ARG_PUBLIC})
  endif()

  if(KITH_TESTS AND tests)
    add_executable(kith_${name}_test ${tests})
    target_link_libraries(kith_${name}_test PRIVATE kith_${name} kith_options ${ARG_PRIVATE}
                          GTest::gtest_main rapidcheck)
    target_precompile_headers(kith_${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch_test.h)
    target_compile_definitions(kith_${name}_test PRIVATE
      KITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(kith_${name}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}."
                         PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# The Collatz engine without the rest of Kith: what it uses of base/, crypto/ and codec/, its tests
# where GoogleTest and RapidCheck are, and the program that checks and times its kernels. It wants
# fmt, OpenSSL's libcrypto and libsodium, and no other third party. A file of a lower folder that
# the engine comes to use must be added here; the test consumer.collatz_alone says so.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH kith_root)
set(src ${kith_root}/src)

option(KITH_TESTS "Build the tests, where their libraries are" ON)
option(KITH_FUZZ "Instrument for fuzzing" OFF)
set(KITH_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
include(${CMAKE_CURRENT_LIST_DIR}/KithOptions.cmake)

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)

file(GLOB sources CONFIGURE_DEPENDS ${src}/compute/collatz/*.cpp)
file(GLOB tests CONFIGURE_DEPENDS ${src}/compute/collatz/*_test.cpp)
list(REMOVE_ITEM sources ${tests})
set(lower base/assert base/bytes base/error crypto/hash crypto/secret
          codec/chain codec/chain_merkle codec/reader codec/varint)
list(TRANSFORM lower PREPEND ${src}/)
list(TRANSFORM lower APPEND .cpp)

add_library(kith_collatz STATIC ${sources} ${lower})
target_include_directories(kith_collatz PUBLIC ${src} ${kith_root}/include)
target_link_libraries(kith_collatz PUBLIC kith_options fmt::fmt
                                   PRIVATE OpenSSL::Crypto PkgConfig::sodium)

add_executable(collatz_rates ${kith_root}/bench/collatz_rates.cpp)
target_link_libraries(collatz_rates PRIVATE kith_collatz)

if(KITH_TESTS)
  find_package(GTest QUIET)
  find_package(rapidcheck QUIET)
  if(GTest_FOUND AND rapidcheck_FOUND)
    enable_testing()
    include(GoogleTest)
    add_executable(kith_collatz_test ${tests})
    target_compile_definitions(kith_collatz_test PRIVATE KITH_SOURCE_DIR="${kith_root}")
    target_link_libraries(kith_collatz_test PRIVATE kith_collatz GTest::gtest_main rapidcheck)
    gtest_discover_tests(kith_collatz_test DISCOVERY_MODE PRE_TEST)
  else()
    message(STATUS "no GoogleTest or no RapidCheck here: the tests are left out")
  endif()
endif()

# Compiler and linker settings that hold for every target, as one interface library.
add_library(kith_options INTERFACE)
target_compile_features(kith_options INTERFACE cxx_std_23)
target_compile_options(kith_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror
  -ffp-contract=off -fvisibility=hidden -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(kith_options INTERFACE -Wno-gnu-statement-expression-from-macro-expansion)
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Asserts stay on (base/assert.h does not look at NDEBUG); line tables make crashes readable.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -gline-tables-only -gz -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
# Tests themselves are not optimized: they take twice as long to compile with. What they test is:
# see the order of linking below.
target_compile_options(kith_options INTERFACE
  $<$<BOOL:$<TARGET_PROPERTY:KITH_IS_TEST>>:-O0>)

if(KITH_SANITIZE)
  # UBSan's check of virtual tables asks the kernel, by a pipe, whether an address is readable;
  # where a test has used up all file descriptors it reports a bug of its own. So vptr is off.
  target_compile_options(kith_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:KITH_IS_TEST>>>:-O1> -fsanitize=${KITH_SANITIZE}
    -fno-sanitize=vptr -fno-sanitize-recover=all)
  target_link_options(kith_options INTERFACE -fsanitize=${KITH_SANITIZE})
endif()

find_program(KITH_MOLD mold)
if(KITH_MOLD)
  target_link_options(kith_options INTERFACE -fuse-ld=mold)
  # Libraries first: of what a test and a library both have (instances of templates), the program
  # gets the first, and the library's is optimized. mold does not mind what is needed by whom.
  string(CONCAT CMAKE_CXX_LINK_EXECUTABLE
         "<CMAKE_CXX_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> "
         "<LINK_LIBRARIES> <OBJECTS> -o <TARGET>")
endif()
find_program(KITH_CCACHE ccache)
if(KITH_CCACHE)
  # Without this sloppiness, ccache caches nothing that uses a precompiled header; with DEPEND it
  # does not preprocess what it has not.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_DEPEND=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${KITH_CCACHE})
  target_compile_options(kith_options INTERFACE
    $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
endif()

# What `cmake --install` puts in place: one static library of the folders, the public headers, a
# CMake package (kith::kith), a pkg-config file, and the kith program.
#
# The folders stay separate targets while building, since they link only downwards; a user of the
# library should not see them, so the installed archive holds their objects under one name.
include(CMakePackageConfigHelpers)

# cli/ and sim/ belong to the program: the public API reaches neither.
get_property(kith_folders GLOBAL PROPERTY KITH_FOLDERS)
list(REMOVE_ITEM kith_folders cli sim)
list(TRANSFORM kith_folders REPLACE "(.+)" "$<TARGET_OBJECTS:kith_\\1>"
     OUTPUT_VARIABLE kith_objects)

add_library(kith_library STATIC ${kith_objects})
add_library(kith::kith ALIAS kith_library)
set_target_properties(kith_library PROPERTIES OUTPUT_NAME kith EXPORT_NAME kith
                      LINKER_LANGUAGE CXX)
target_compile_features(kith_library PUBLIC cxx_std_23)
target_include_directories(kith_library PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# Third parties that the archive's objects call: CMake target, package that defines it (`pc:NAME
# MODULE` for one that only pkg-config knows, `file:NAME` for a module of ours that goes along),
# linker flag. Header-only ones are not here.
include(KithIpsecMb)
set(kith_linkable
  "fmt::fmt|fmt|-lfmt"
  "spdlog::spdlog|spdlog|-lspdlog"
  "OpenSSL::SSL|OpenSSL|-lssl"
  "OpenSSL::Crypto|OpenSSL|-lcrypto"
  "protobuf::libprotobuf-lite|Protobuf|-lprotobuf-lite"
  "SQLite::SQLite3|SQLite3|-lsqlite3"
  "tomlplusplus::tomlplusplus|tomlplusplus|-ltomlplusplus"
  "Threads::Threads|Threads|-pthread"
  "PkgConfig::sodium|pc:sodium libsodium|-lsodium"
  "PkgConfig::secp256k1|pc:secp256k1 libsecp256k1|-lsecp256k1"
  "PkgConfig::ipsec_mb|file:KithIpsecMb|${KITH_IPSEC_MB_FLAG}"
  "PkgConfig::rocksdb|pc:rocksdb rocksdb|-lrocksdb"
  "PkgConfig::cares|pc:cares libcares|-lcares"
  "PkgConfig::zstd|pc:zstd libzstd|-lzstd"
  "ZLIB::ZLIB|ZLIB|-lz")
get_property(kith_third_parties GLOBAL PROPERTY KITH_THIRD_PARTIES)
list(REMOVE_DUPLICATES kith_third_parties)
set(KITH_FIND_DEPENDENCIES "")
set(KITH_LIBS_PRIVATE "")
foreach(row ${kith_linkable})
  string(REPLACE "|" ";" row "${row}")
  list(GET row 0 target)
  list(GET row 1 package)
  list(GET row 2 flag)
  if(NOT target IN_LIST kith_third_parties)
    continue()
  endif()
  target_link_libraries(kith_library PRIVATE ${target})
  string(APPEND KITH_LIBS_PRIVATE " ${flag}")
  if(package MATCHES "^pc:(.+) (.+)$")
    string(APPEND KITH_FIND_DEPENDENCIES "find_dependency(PkgConfig)\n"
           "pkg_check_modules(${CMAKE_MATCH_1} REQUIRED QUIET IMPORTED_TARGET ${CMAKE_MATCH_2})\n")
  elseif(package MATCHES "^file:(.+)$")
    string(APPEND KITH_FIND_DEPENDENCIES
           "include(\${CMAKE_CURRENT_LIST_DIR}/${CMAKE_MATCH_1}.cmake)\n")
  else()
    string(APPEND KITH_FIND_DEPENDENCIES "find_dependency(${package})\n")
  endif()
endforeach()

set(kith_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kith)
configure_package_config_file(cmake/kith-config.cmake.in kith-config.cmake
                              INSTALL_DESTINATION ${kith_package_dir})
write_basic_package_version_file(kith-config-version.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH KITH_PREFIX_FROM_PC /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/kith.pc.in kith.pc @ONLY)

install(TARGETS kith_library EXPORT kith-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(EXPORT kith-targets NAMESPACE kith:: DESTINATION ${kith_package_dir}
        COMPONENT development)
install(DIRECTORY include/kith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/kith-config.cmake cmake/KithIpsecMb.cmake
              ${PROJECT_BINARY_DIR}/kith-config-version.cmake
        DESTINATION ${kith_package_dir} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/kith.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT development)
if(TARGET kith)
  install(TARGETS kith RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endif()

if(PROJECT_IS_TOP_LEVEL)
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_CONTACT "the Kith authors")
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
  set(CPACK_PACKAGE_DIRECTORY ${PROJECT_SOURCE_DIR}/build/package)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  include(CPack)
endif()

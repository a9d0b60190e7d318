# PkgConfig::ipsec_mb: Intel's multi-buffer crypto library, whose AES-GCM is fastest for packets.
# Optional, and on x86-64 only: elsewhere the target is empty and OpenSSL does it. Debian's package
# has neither a .pc nor a CMake file, so it is looked for by name. Where it is, sources are told so
# (KITH_HAS_IPSEC_MB), and KITH_IPSEC_MB_FLAG is what links it.
if(NOT TARGET PkgConfig::ipsec_mb)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    find_path(KITH_IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
    find_library(KITH_IPSEC_MB_LIBRARY IPSec_MB)
    mark_as_advanced(KITH_IPSEC_MB_INCLUDE_DIR KITH_IPSEC_MB_LIBRARY)
  endif()
  if(KITH_IPSEC_MB_INCLUDE_DIR AND KITH_IPSEC_MB_LIBRARY)
    add_library(PkgConfig::ipsec_mb UNKNOWN IMPORTED GLOBAL)
    set_target_properties(PkgConfig::ipsec_mb PROPERTIES
      IMPORTED_LOCATION "${KITH_IPSEC_MB_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${KITH_IPSEC_MB_INCLUDE_DIR}"
      INTERFACE_COMPILE_DEFINITIONS KITH_HAS_IPSEC_MB=1)
  else()
    add_library(PkgConfig::ipsec_mb INTERFACE IMPORTED GLOBAL)
  endif()
endif()
set(KITH_IPSEC_MB_FLAG "")
if(KITH_IPSEC_MB_INCLUDE_DIR AND KITH_IPSEC_MB_LIBRARY)
  set(KITH_IPSEC_MB_FLAG "-lIPSec_MB")
endif()

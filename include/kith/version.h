// The version of this library, twice: as the header a program was compiled with (the macros) and
// as the library it runs with (version()). Semantic versioning; docs/versioning.md in the
// repository says what stays compatible. CMake reads KITH_VERSION from this line: change it here
// and nowhere else.
#pragma once

#define KITH_VERSION "0.1.0"
#define KITH_VERSION_MAJOR 0
#define KITH_VERSION_MINOR 1
#define KITH_VERSION_PATCH 0

namespace kith {

/// The linked library's version, for example "0.1.0". Static storage: never null, never freed.
[[nodiscard]] const char* version() noexcept;

}  // namespace kith

#include "rt/compute_library.h"

#include <dlfcn.h>

#include "base/format.h"

namespace kith::rt {

Result<void*> open_library(std::initializer_list<const char*> names) {
  std::string reason;
  for (const char* name : names) {
    if (void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL); library != nullptr) {
      return library;
    }
    const char* const why = ::dlerror();
    if (reason.empty()) reason = why == nullptr ? name : why;
  }
  return fail(Code::not_found, reason);
}

void* symbol_of(void* library, const char* name) { return ::dlsym(library, name); }

}  // namespace kith::rt

// Libraries that come with a GPU's driver: loaded when they are there, never linked. A library once
// loaded stays, since drivers start threads that must not lose their code.
#pragma once

#include <initializer_list>
#include <string>

#include "base/error.h"

namespace kith::rt {

/// The first of `names` (paths, or as the loader finds them) that loads; `not_found` with the
/// loader's reason.
Result<void*> open_library(std::initializer_list<const char*> names);

/// Null when the library has no such symbol.
void* symbol_of(void* library, const char* name);

/// False when the library has no such function.
template <class Function>
bool load_symbol(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(symbol_of(library, name));
  return function != nullptr;
}

}  // namespace kith::rt

#include "base/error.h"

namespace kith::base {

std::string_view name_of(Code code) {
  switch (code) {
#define X(name, number, meaning) \
  case Code::name: return #name;
    KITH_ERROR_CODES(X)
#undef X
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text(name_of(error.code));
  if (!error.message.empty()) text.append(": ").append(error.message);
  return text;
}

}  // namespace kith::base

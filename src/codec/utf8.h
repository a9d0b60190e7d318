// Whether bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
// What goes into JSON or onto a terminal is checked here first.
#pragma once

#include "base/bytes.h"

namespace kith::codec {

bool is_utf8(ByteView bytes);

}  // namespace kith::codec

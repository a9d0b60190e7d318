// Names of accounts: 3 to 20 of a-z, 0-9 and "-", which is not first, last or twice in a row. What
// is unique on a chain is the name's skeleton, in which characters that look alike are one, so that
// nobody can pass for another by a digit. The table is a rule of consensus: it changes with a fork
// only. Why ASCII: docs/adr/0024. Grammar: docs/protocol/accounts.md, "Names".
#pragma once

#include <string>
#include <string_view>

#include "codec/chain.h"

namespace kith::codec {

inline constexpr std::size_t name_bytes_min = 3;
inline constexpr std::size_t name_bytes_max = 20;

/// `text` in lower case. For what people type; the chain takes lower case only.
std::string fold_name(std::string_view text);
/// `malformed` says what is wrong.
Result<void> check_name(std::string_view name);
/// What all names that look like this one have in common; `malformed` when it is none.
Result<std::string> skeleton_of(std::string_view name);
/// The id of the name's entry. REQUIRES: check_name(name).
Hash name_id(std::string_view name);

}  // namespace kith::codec

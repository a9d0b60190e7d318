// Entries as people and requests name them: KIND:ID, such as "account:3f1c...", with the id in
// hexadecimal, "beacon:" and "jobs:" without one.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "codec/chain_entry.h"

namespace kith::codec {

struct EntryName {
  EntryKind kind = EntryKind::account;
  Bytes id;  // entry_id_bytes(kind) of them
  friend bool operator==(const EntryName&, const EntryName&) = default;
};
/// "account", "member".
std::string_view name_of(EntryKind kind);
std::string to_text(const EntryName& name);
/// `usage` names what is wrong.
Result<EntryName> parse_entry_name(std::string_view text);

/// The id of a member's entry.
Bytes member_id(std::uint64_t job, const Hash& account);
/// And of a find's, by its name.
Bytes find_id(std::uint64_t job, const Hash& name);

}  // namespace kith::codec

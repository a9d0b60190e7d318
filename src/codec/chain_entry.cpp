#include "codec/chain_entry.h"

#include <array>

namespace kith::codec {

std::size_t entry_id_bytes(EntryKind kind) {
  switch (kind) {
    case EntryKind::account:
    case EntryKind::name:
    case EntryKind::worker: return 32;
    case EntryKind::job:
    case EntryKind::dispute: return 8;
    case EntryKind::slot:
    case EntryKind::redo_page:
    case EntryKind::region: return 8 + 4;
    case EntryKind::beacon:
    case EntryKind::jobs: return 0;
    case EntryKind::member:
    case EntryKind::find:
    case EntryKind::enrolment: return 8 + 32;
  }
  UNREACHABLE();
}

Hash entry_key(EntryKind kind, ByteView id) {
  const std::array<std::uint8_t, 1> first{static_cast<std::uint8_t>(kind)};
  return tagged_hash("kith/entry-key/1", {first, id});
}

Hash entry_hash(EntryKind kind, ByteView entry) {
  const std::array<std::uint8_t, 1> first{static_cast<std::uint8_t>(kind)};
  return tagged_hash("kith/entry/1", {first, entry});
}

}  // namespace kith::codec

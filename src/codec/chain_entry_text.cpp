#include "codec/chain_entry_text.h"

#include <array>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

/// By kind, from 1 on.
constexpr std::array<std::string_view, entry_kind_max> kind_names = {
    "account", "name",   "worker", "job",    "slot",      "redo_page",
    "dispute", "region", "beacon", "member", "enrolment", "jobs"};

}  // namespace

std::string_view name_of(EntryKind kind) {
  const auto number = static_cast<std::size_t>(kind);
  ASSERT(number >= 1 && number <= kind_names.size());
  return kind_names[number - 1];
}

std::string to_text(const EntryName& name) {
  return base::format("{}:{}", name_of(name.kind), base::to_hex(name.id));
}

Result<EntryName> parse_entry_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  for (std::size_t i = 0; colon != text.npos && i < kind_names.size(); ++i) {
    if (text.substr(0, colon) != kind_names[i]) continue;
    EntryName name{static_cast<EntryKind>(i + 1), {}};
    const auto id = base::from_hex(text.substr(colon + 1));
    const std::size_t size = entry_id_bytes(name.kind);
    if (!id || id->size() != size) {
      return fail(Code::usage,
                  base::format("the id of a {} is {} digits of hex, not \"{}\"", kind_names[i],
                               2 * size, text.substr(colon + 1).substr(0, 100)));
    }
    name.id = *id;
    return name;
  }
  return fail(Code::usage, base::format("\"{}\" is no entry: KIND:ID, such as account:3f1c...",
                                        text.substr(0, 100)));
}

Bytes member_id(std::uint64_t job, const Hash& account) {
  Bytes id;
  Writer writer(id);
  writer.u64(job);
  writer.bytes(account);
  return id;
}

Bytes find_id(std::uint64_t job, const Hash& name) { return member_id(job, name); }

}  // namespace kith::codec

// A worker's journal: arbitrary bytes are refused or read, and what is read stays when only its
// whole part is read again; a journal that was written here and then changed gives a beginning of
// its entries, or is refused.
#include "input.h"
#include "rt/compute_journal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  if (const auto file = rt::read_journal({data, size})) {
    ASSERT(file->end <= size);
    const auto again = rt::read_journal({data, file->end});
    ASSERT(again && again->entries == file->entries && !again->is_torn);
  }

  fuzz::Input in{{data, size}};
  const rt::JournalHeader header{compute::WorkloadId::collatz, base::to_bytes(in.bytes(in.byte())),
                                 in.byte(), in.byte()};
  const Bytes encoded = rt::encode(header);
  Bytes bytes = encoded;
  std::vector<rt::JournalEntry> all;
  std::uint64_t synced = 0;
  for (std::size_t frames = in.byte() % 6; frames > 0; --frames) {
    all.push_back({{in.byte()}, in.byte(), in.byte(), base::to_bytes(in.bytes(in.byte() % 50))});
    base::append(bytes, rt::encode_frame(encoded, bytes.size(), synced, all.back()));
    if (in.byte() % 2 == 0) synced = bytes.size();
  }
  const auto whole = rt::read_journal(bytes);
  ASSERT(whole && whole->header == header && whole->entries == all && !whole->is_torn);

  for (std::size_t changes = in.byte() % 8; changes > 0; --changes) {
    const std::size_t at = (std::size_t{in.byte()} << 8 | in.byte()) % bytes.size();
    bytes[at] = in.byte();
  }
  bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), in.byte() % 32));
  const auto read = rt::read_journal(bytes);
  if (!read) return 0;
  ASSERT(read->entries.size() <= all.size());
  ASSERT(std::equal(read->entries.begin(), read->entries.end(), all.begin()));
  return 0;
}

// A file of the log of votes: arbitrary bytes are refused or read, and what is read stays when the
// same records are written anew; a file that was written here and then changed gives a beginning of
// its records, or is refused, and when it is not the last it is refused or whole.
#include <cstdint>

#include "input.h"
#include "rt/wal_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  if (const auto file = rt::read_wal_file({data, size}, true)) {
    ASSERT(file->end <= size);
    const auto again = rt::read_wal_file({data, file->end}, false);
    ASSERT(again && again->records == file->records && !again->is_torn);
  }

  fuzz::Input in{{data, size}};
  const rt::WalHeader header{in.byte() % 2 == 0, in.byte(), in.byte(), in.byte()};
  Bytes bytes = rt::encode(header);
  std::vector<Bytes> all;
  std::vector<std::size_t> whole_at;  // how many records there are behind each frame
  for (std::size_t frames = 1 + in.byte() % 4; frames > 0; --frames) {
    std::vector<Bytes> records;
    for (std::size_t count = in.byte() % 4; count > 0; --count) {
      records.push_back(base::to_bytes(in.bytes(in.byte())));
    }
    base::append(bytes, *rt::encode_wal_frame(header, bytes.size(), records));
    all.insert(all.end(), records.begin(), records.end());
    whole_at.push_back(all.size());
  }
  const auto whole = rt::read_wal_file(bytes, false);
  ASSERT(whole && whole->header == header && whole->records == all && whole->end == bytes.size());

  const bool is_last = in.byte() % 2 == 0;
  Bytes changed = bytes;
  changed.resize(changed.size() + in.byte() % 32);
  for (std::size_t changes = in.byte() % 8; changes > 0; --changes) {
    const std::size_t at = (std::size_t{in.byte()} << 8 | in.byte()) % changed.size();
    changed[at] = in.byte();
  }
  if (in.byte() % 4 == 0) changed.resize(in.byte() * changed.size() / 256);
  const auto read = rt::read_wal_file(changed, is_last);
  if (!read) return 0;
  ASSERT(std::ranges::find(whole_at, read->records.size()) != whole_at.end());
  ASSERT(std::equal(read->records.begin(), read->records.end(), all.begin()));
  ASSERT(is_last || !read->is_torn);
  return 0;
}

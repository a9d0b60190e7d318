#include "rt/chain_disk.h"

#include <cstdio>
#include <cstdlib>

#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr int exit_io = 74;  // EX_IOERR of sysexits.h

}  // namespace

ChainDisk::ChainDisk(Wal& votes, ChainStore& store, Log& log)
    : votes_(votes),
      store_(store),
      log_(log),
      appends_([this](std::vector<Append> all) { append_all(std::move(all)); }),
      writes_([this](const std::vector<Write>& all) { write_all(all); }) {}

// Neighbours of one segment go together; one that begins anew begins a run.
void ChainDisk::append_all(std::vector<Append> appends) {
  for (std::size_t from = 0; from < appends.size();) {
    const host::AppendLog& first = appends[from].what;
    const std::uint64_t segment = first.segment;
    const bool begins_anew = first.begins_anew;
    std::vector<Bytes> records;
    std::size_t bytes = 0;
    std::size_t to = from;
    for (; to < appends.size(); ++to) {
      host::AppendLog& next = appends[to].what;
      if (next.segment != segment || (to > from && next.begins_anew)) break;
      std::size_t more = 0;
      for (const Bytes& record : next.records) more += wal_record_overhead + record.size();
      if (to > from && bytes + more > wal_frame_bytes_max) break;
      bytes += more;
      for (Bytes& record : next.records) records.push_back(std::move(record));
    }
    if (const auto done = votes_.append(segment, records, begins_anew); !done) {
      give_up(done.error());
    }
    for (; from < to; ++from) appends[from].done(appends[from].what.token);
  }
}

void ChainDisk::write_all(const std::vector<Write>& writes) {
  for (const Write& write : writes) {
    if (const auto* const save = std::get_if<host::SaveProof>(&write.what)) {
      const std::string path = store_.folder() + "/" + save->name;
      const auto done = write_file_atomic(path, save->bytes, private_file_mode);
      if (!done) give_up(done.error());
      write.done(save->token);
      continue;
    }
    const auto& batch = std::get<host::WriteChain>(write.what);
    if (const auto done = store_.write(*batch.batch); !done) give_up(done.error());
    write.done(batch.token);
  }
}

// To stderr too: the log's own thread may not come to write any more.
void ChainDisk::give_up(const Error& error) {
  log_.error("chain", "the process ends: what must not be forgotten cannot be written: {}",
             error.message);
  std::fprintf(stderr, "kith: the process ends: what must not be forgotten cannot be written: %s\n",
               error.message.c_str());
  std::_Exit(exit_io);
}

}  // namespace kith::rt

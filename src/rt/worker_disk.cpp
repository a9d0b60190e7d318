#include "rt/worker_disk.h"

#include <cstdio>
#include <cstdlib>

#include "base/format.h"

namespace kith::rt {
namespace {

constexpr int exit_io = 74;  // EX_IOERR of sysexits.h
/// All records are of one segment.
constexpr std::uint64_t segment = 0;

std::size_t bytes_of(const std::vector<Bytes>& records) {
  std::size_t bytes = 0;
  for (const Bytes& record : records) bytes += wal_record_overhead + record.size();
  return bytes;
}

}  // namespace

Result<std::unique_ptr<WorkerDisk>> WorkerDisk::open(const std::string& folder, Rng& rng,
                                                     Log& log) {
  auto wal = TRY(Wal::open(folder, rng));
  if (const auto& damage = wal->damage()) {
    return fail(damage->code,
                base::format("{}: move {} away to begin anew; what was committed to and not "
                             "revealed yet is then lost, and fined",
                             damage->message, folder));
  }
  return std::unique_ptr<WorkerDisk>(new WorkerDisk(std::move(wal), log));
}

WorkerDisk::WorkerDisk(std::unique_ptr<Wal> wal, Log& log)
    : wal_(std::move(wal)),
      log_(log),
      writes_([this](const std::vector<Write>& writes) { write(writes); }) {
  for (auto& [number, records] : wal_->take_records()) {
    for (Bytes& record : records) records_.push_back(std::move(record));
  }
}

Result<void> WorkerDisk::append(const node::KeepRecords& what) {
  if (what.begins_anew && bytes_of(what.records) > wal_frame_bytes_max) return {};
  return wal_->append(segment, what.records, what.begins_anew);
}

void WorkerDisk::write(const std::vector<Write>& writes) {
  for (const Write& one : writes) {
    if (const auto kept = append(one.what); !kept) {
      log_.error("compute", "{}", kept.error().message);
      std::fprintf(stderr, "kith: the worker's journal: %s\n", kept.error().message.c_str());
      std::_Exit(exit_io);
    }
    one.done(one.what.token);
  }
}

}  // namespace kith::rt

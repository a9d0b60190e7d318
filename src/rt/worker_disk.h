// A worker's journal on disk (node/worker_memory.h): performs KeepRecords on a thread of its own,
// in order. One that begins anew and is too large for one append is passed over: what it has is
// durable already. After an error nothing is durable any more, and the process ends with a
// sentence: a commitment that might be forgotten must not be made.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "node/worker_io.h"
#include "rt/wal.h"
#include "rt/write_thread.h"

namespace kith::rt {

class WorkerDisk {
 public:
  using Done = std::function<void(Token)>;  // on the thread that wrote

  /// `rng` and `log` outlive it. Errors: `locked`, the disk's; damage is one too, for what a worker
  /// said might have been in what is lost: it says how to go on.
  static Result<std::unique_ptr<WorkerDisk>> open(const std::string& folder, Rng& rng, Log& log);

  /// What was kept, once.
  std::vector<Bytes> take_records() { return std::move(records_); }
  /// Any thread.
  void keep(node::KeepRecords keep, Done done) { writes_.push({std::move(keep), std::move(done)}); }

 private:
  struct Write {
    node::KeepRecords what;
    Done done;
  };
  WorkerDisk(std::unique_ptr<Wal> wal, Log& log);
  void write(const std::vector<Write>& writes);
  Result<void> append(const node::KeepRecords& what);

  const std::unique_ptr<Wal> wal_;
  Log& log_;
  std::vector<Bytes> records_;
  WriteThread<Write> writes_;  // last: it uses the rest
};

}  // namespace kith::rt

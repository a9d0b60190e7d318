// Performs AppendLog and WriteChain (host/world_chain.h), each on a thread of its own: votes do not
// wait for blocks. Appends that wait together become one append of the log, each answered; batches
// are written one by one.
//
// A disk that refuses ends the process with a sentence: a vote that might be forgotten must not be
// given, nor a block be called final that is not kept.
#pragma once

#include <functional>
#include <variant>

#include "base/log.h"
#include "host/world_chain.h"
#include "rt/store_chain.h"
#include "rt/wal.h"
#include "rt/write_thread.h"

namespace kith::rt {

class ChainDisk {
 public:
  using Done = std::function<void(Token)>;  // on the thread that wrote

  /// All three outlive it; no other thread writes to the log or the store meanwhile.
  ChainDisk(Wal& votes, ChainStore& store, Log& log);
  /// Writes what waits.
  ~ChainDisk() = default;
  ChainDisk(const ChainDisk&) = delete;
  ChainDisk& operator=(const ChainDisk&) = delete;

  // Any thread; in the order of the calls.
  void append(host::AppendLog append, Done done) {
    appends_.push({std::move(append), std::move(done)});
  }
  void write(host::WriteChain write, Done done) {
    writes_.push({std::move(write), std::move(done)});
  }
  /// Behind the batches that wait, into the store's folder.
  void save(host::SaveProof save, Done done) { writes_.push({std::move(save), std::move(done)}); }

 private:
  struct Append {
    host::AppendLog what;
    Done done;
  };
  struct Write {
    std::variant<host::WriteChain, host::SaveProof> what;
    Done done;
  };
  void append_all(std::vector<Append> appends);
  void write_all(const std::vector<Write>& writes);
  [[noreturn]] void give_up(const Error& error);

  Wal& votes_;
  ChainStore& store_;
  Log& log_;
  WriteThread<Append> appends_;
  WriteThread<Write> writes_;
};

}  // namespace kith::rt

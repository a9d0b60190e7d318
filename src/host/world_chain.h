// What a node that keeps a chain asks of the world beyond links and peers: a log of votes, a store
// of blocks and state, and threads. Part of host/world.h's words; both shells speak them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "ledger/store.h"

namespace kith::host {

/// Appends to the log's segment `segment`, the epoch, in the order in which it is asked; answered
/// once all of it is durable. `begins_anew`: these records are all that matters from now on, and
/// whatever the log held before, of any segment, may go once they are durable. A log that cannot be
/// written ends the process: a vote that might be forgotten must not be given.
struct AppendLog {
  Token token;
  std::uint64_t segment = 0;
  std::vector<Bytes> records;
  bool begins_anew = false;
};
struct LogAppended {
  Token token;
};

/// Writes the batch, whole or not at all; answered once it is durable. In order.
struct WriteChain {
  Token token;
  std::shared_ptr<const ledger::WriteBatch> batch;
};
struct ChainWritten {
  Token token;
};

/// Keeps a document beside the chain under this name (letters, digits, "-" and "."), for people and
/// for the next start; answered once it is durable. One of the same name is replaced.
struct SaveProof {
  Token token;
  std::string name;
  Bytes bytes;
};
struct ProofSaved {
  Token token;
};

/// One frame to the remote signer of the validator's key (codec/signer_message.h); lost when there
/// is no connection. The world connects by itself, again and again, when it was given a signer.
struct TellSigner {
  Bytes frame;
};
/// Ends the connection; SignerDown follows.
struct LeaveSigner {};
struct SignerUp {};
/// There is no connection, or it has ended. Said anew when the reason is another.
struct SignerDown {
  Error error;
  bool was_left = false;  // by LeaveSigner
};
/// One frame from it.
struct SignerSaid {
  Bytes frame;
};

/// Work that takes long, for another thread. What it reads must not change meanwhile: that is for
/// whoever asks to see to. A shell may run several at once, in any order.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run() = 0;
};
struct RunJob {
  Token token;
  std::shared_ptr<Job> job;
};
struct JobDone {
  Token token;
  std::shared_ptr<Job> job;
};

}  // namespace kith::host

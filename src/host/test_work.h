// For tests: what a world does for one node on other threads and disks, done at once: signatures,
// jobs, the log of votes and the store of the chain.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "host/world.h"
#include "ledger/memory_store.h"

namespace kith::host {

class TestWork {
 public:
  /// What the world answers, in a later turn; nothing when `output` asks for something else.
  std::optional<WorldInput> perform(WorldOutput& output) {
    if (auto* work = std::get_if<VerifySignatures>(&output)) return verify_signatures(*work);
    if (auto* work = std::get_if<RunJob>(&output)) {
      work->job->run();
      return JobDone{work->token, std::move(work->job)};
    }
    if (auto* append = std::get_if<AppendLog>(&output)) {
      if (append->begins_anew) log.clear();
      auto& segment = log[append->segment];
      segment.insert(segment.end(), append->records.begin(), append->records.end());
      return LogAppended{append->token};
    }
    if (auto* write = std::get_if<WriteChain>(&output)) {
      chain.write(*write->batch);
      return ChainWritten{write->token};
    }
    if (auto* save = std::get_if<SaveProof>(&output)) {
      proofs[save->name] = std::move(save->bytes);
      return ProofSaved{save->token};
    }
    return std::nullopt;
  }

  std::map<std::uint64_t, std::vector<Bytes>> log;
  ledger::MemoryStore chain;
  std::map<std::string, Bytes> proofs;
};

}  // namespace kith::host

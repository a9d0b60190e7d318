// Blocks change the state here: execute() takes a body that somebody proposed and says what state
// it leads to, or what is wrong with it; assemble() makes a body out of candidates. Pure: the
// result follows from the rules, the parent's state and the arguments alone, on every machine. The
// order of what happens in a block is docs/protocol/ledger.md, "Blocks' bodies".
//
// A block with one transaction that does not apply is no block: nobody has to pay for what failed,
// and proposers leave it out. Limits: the bytes of the chain's parameters; the work is linear in
// them.
#pragma once

#include <functional>
#include <vector>

#include "codec/chain_body.h"
#include "codec/chain_params.h"
#include "ledger/accounts.h"
#include "ledger/jobs.h"
#include "ledger/state.h"
#include "ledger/validators.h"

namespace kith::ledger {

/// Says whom a piece of evidence convicts, if it does: codec/chain_evidence.h, bound to the
/// validators that it needs.
using CheckEvidence = std::function<Result<Offence>(ByteView evidence)>;

struct Rules {
  codec::ChainParams params;
  Hash genesis{};
  CheckEvidence check_evidence;  // empty: there is none in blocks
};

struct BlockContext {
  Height height;
  ChainKey proposer{};
  /// Of the certificate of the parent that the header commits to; ascending. None for height 1.
  std::vector<ChainKey> signers;
};

struct BlockRoots {
  Hash txs{};
  Hash utxos{};
  Hash registry{};
  Hash receipts{};
  Hash evidence{};
  friend bool operator==(const BlockRoots&, const BlockRoots&) = default;
};

struct Executed {
  std::shared_ptr<BlockState> state;
  BlockRoots roots;
  Amount fees = 0;
  std::size_t tx_count = 0;
  JobLog jobs;  // what happened to jobs: no more than job_events_max
};
/// Events of one block that are told; what is beyond happens all the same.
inline constexpr std::size_t job_events_max = 8'192;

/// `is_verified` says of each transaction whether signature_jobs() have been verified already;
/// empty: of none. The error names the transaction; `io` is our store's, and says nothing of the
/// block.
Result<Executed> execute(const Rules& rules, std::shared_ptr<const BlockState> parent,
                         const BlockContext& context, const codec::BlockBody& body,
                         const std::vector<bool>& is_verified);

/// Where a transaction's inputs come from.
using FindUtxo = std::function<Result<std::optional<Utxo>>(const OutPoint&)>;
/// Whether `tx` could be the next one of a block at `height` on `state`, its inputs being what
/// `find` says; its signatures are not looked at. What the mempool asks: of what a transaction
/// carries it wants more than a block does, that something of it may still have an effect, and it
/// does not work it out (jobs_carry.h): `looks` is how many entries may be read for that.
Result<void> check_applies(const Rules& rules, const BlockState& state, Height height,
                           const codec::SealedTx& tx, const FindUtxo& find, std::size_t looks);

struct Assembled {
  codec::BlockBody body;
  Executed executed;
  /// Candidates that do not apply, and why.
  std::vector<std::pair<Hash, Error>> skipped;
};
/// The next best transaction, its signatures verified; null at the end. Parents before children.
using NextCandidate = std::function<codec::TxPtr()>;

/// Takes candidates while they fit, and evidence that holds, oldest first.
Result<Assembled> assemble(const Rules& rules, std::shared_ptr<const BlockState> parent,
                           const BlockContext& context, const NextCandidate& next,
                           std::vector<Bytes> evidence);

/// What of a transaction's checks needs no state: its size, fee rate, expiry and dust.
Result<void> check_policy(const codec::ChainParams& params, Height height,
                          const codec::SealedTx& tx);

}  // namespace kith::ledger

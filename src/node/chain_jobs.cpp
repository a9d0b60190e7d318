#include "node/chain_jobs.h"

#include "base/format.h"
#include "crypto/ed25519_zip215.h"
#include "ledger/jobs_verdict.h"
#include "node/header_roots.h"

namespace kith::node {
Result<codec::ValidatorSet> validators_after(const ledger::BlockState& state) {
  std::vector<codec::Validator> validators;
  for (const ledger::WeightedKey& each : ledger::current_validators(state.registry())) {
    validators.push_back({each.key, each.weight});
  }
  return codec::ValidatorSet::make(std::move(validators));
}

Result<void> fill_header(codec::BlockHeader& header, const BlockGround& ground,
                         const ledger::Executed& executed) {
  header.tx_root = executed.roots.txs;
  header.utxo_root = executed.roots.utxos;
  header.registry_root = executed.roots.registry;
  header.receipts_root = executed.roots.receipts;
  header.evidence_root = executed.roots.evidence;
  header.history_root = ground.history_root;
  header.next_validators_root = {};
  if (ground.is_last_of_epoch) {
    header.next_validators_root = TRY(validators_after(*executed.state)).root();
  }
  return {};
}

Result<void> compare_headers(const codec::BlockHeader& said, const codec::BlockHeader& found) {
  const auto differs = [&](const char* name, const codec::Hash& a, const codec::Hash& b) {
    return fail(Code::malformed,
                base::format("{} {} is said, {} is right", name, base::to_hex(a), base::to_hex(b)));
  };
  for (const auto& [name, field] : header_roots) {
    if (said.*field != found.*field) return differs(name, said.*field, found.*field);
  }
  return {};
}

void CheckJob::run() { verdict_ = check(); }

Result<void> CheckJob::check() {
  const codec::BlockHeader& header = block_->header();
  body_ = TRY(codec::decode_body(block_->body().view(), ground_.rules->params.block_bytes_max));
  const std::vector<bool> known = take_known();
  ledger::Executed executed =
      TRY(ledger::execute(*ground_.rules, ground_.parent, ground_.context, body_, known));
  codec::BlockHeader found = header;
  TRY_VOID(fill_header(found, ground_, executed));
  TRY_VOID(compare_headers(header, found));
  state_ = std::move(executed.state);
  events_ = std::move(executed.jobs);
  return {};
}

/// Which transactions the mempool holds too, byte for byte; those are its objects from now on.
std::vector<bool> CheckJob::take_known() {
  std::vector<bool> known;
  if (ground_.mempool == nullptr) return known;
  known.reserve(body_.transactions.size());
  for (codec::TxPtr& tx : body_.transactions) {
    codec::TxPtr ours = ground_.mempool->find(tx->txid);
    known.push_back(ours != nullptr && ours->wtxid == tx->wtxid);
    if (!known.back()) continue;
    tx = std::move(ours);
    ++known_txs_;
  }
  return known;
}

void BuildJob::run() { block_ = build(); }

Result<codec::BlockPtr> BuildJob::build() {
  std::size_t at = 0;
  const auto next = [&]() -> codec::TxPtr {
    return at < candidates_.size() ? candidates_[at++] : nullptr;
  };
  ledger::Assembled assembled =
      TRY(ledger::assemble(*ground_.rules, ground_.parent, ground_.context, next, evidence_));
  const Bytes body = codec::encode_body(assembled.body);
  codec::BlockHeader header = asked_.header;
  header.body_hash = codec::body_hash(body);
  TRY_VOID(fill_header(header, ground_, assembled.executed));
  body_ = std::move(assembled.body);
  state_ = std::move(assembled.executed.state);
  events_ = std::move(assembled.executed.jobs);
  skipped_ = std::move(assembled.skipped);
  return std::make_shared<const codec::Block>(header, Buffer(ByteView(body)),
                                              std::move(asked_.justification));
}

void VerifyVotesJob::run() {
  for (const consensus::VerifyJob& job : work_.jobs) {
    verdicts_.push_back(crypto::verify_zip215(job.key, *job.message, job.signature).has_value());
  }
}

void VerifyTxsJob::run() {
  verdicts_.reserve(submitted_.size());
  for (const SubmitTx& next : submitted_) {
    Result<void> verdict = codec::verify_signatures(next.tx->tx, genesis_);
    if (verdict) verdict = ledger::verify_verdicts(next.tx->tx, genesis_, state_->registry());
    verdicts_.push_back(std::move(verdict));
  }
}

}  // namespace kith::node

#include "node/chain_proofs.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_body.h"

namespace kith::node {

using codec::ChainProof;
using codec::Epoch;
using codec::FinalityProof;
using codec::ValidatorSet;

namespace {

using GenesisPtr = std::shared_ptr<const codec::Genesis>;

Result<Error> no_block(const Store& store, Height height) {
  const Height floor = TRY(read_floor(store));
  if (height.value > 0 && height < floor) {
    return Error{Code::not_found,
                 base::format("block {} is pruned here: this node has those from {} on",
                              height.value, floor.value)};
  }
  return Error{Code::not_found, base::format("this node has no block {}", height.value)};
}

Result<StoredBlock> block_at(const Store& store, Height height) {
  auto stored = TRY(read_block(store, height));
  if (!stored) return fail(TRY(no_block(store, height)));
  return *std::move(stored);
}

/// The last one of an epoch stays when the block goes.
Result<codec::BlockHeader> header_at(const Store& store, const codec::ChainParams& params,
                                     Height height) {
  if (const auto header = TRY(read_header(store, height))) return *header;
  const auto last = TRY(read_final(store, height, params.epoch_blocks));
  if (!last) return fail(TRY(no_block(store, height)));
  return last->header;
}

Result<ValidatorSet> set_of(const Store& store, Epoch epoch) {
  auto set = TRY(read_validators(store, epoch));
  if (!set) {
    return fail(Code::not_found,
                base::format("this node has no validators of epoch {}", epoch.value));
  }
  return *std::move(set);
}

/// Of the last block of an epoch, which always has one of its own.
Result<FinalityProof> finality_at(const Store& store, const codec::ChainParams& params,
                                  Epoch epoch) {
  const Height height{(epoch.value + 1) * params.epoch_blocks};
  auto last = TRY(read_epoch_end(store, epoch));
  if (!last) last = TRY(read_final(store, height, params.epoch_blocks));
  if (!last || last->certificate->statement.kind != codec::VoteKind::finalize) {
    return fail(Code::not_found,
                base::format("this node has no finalization of block {}", height.value));
  }
  return codec::finality_proof_of(last->header, *last->certificate);
}

std::size_t size_of(const codec::EpochStep& step) {
  Bytes bytes;
  codec::Writer writer(bytes);
  codec::encode(writer, step.finality);
  return bytes.size() + 5 + 2 * step.validators.removed.size() + 40 * step.validators.put.size();
}

/// The furthest epoch that one step reaches, as bisecting finds it.
Result<std::optional<codec::EpochStep>> skip_from(const Store& store,
                                                  const codec::ChainParams& params, Epoch at,
                                                  const ValidatorSet& trusted, Epoch end,
                                                  const FinalityProof& last) {
  std::optional<codec::EpochStep> best;
  std::uint64_t low = 0;
  std::uint64_t high = std::min<std::uint64_t>(end.value - at.value, params.unbonding_epochs);
  for (std::uint64_t far = high; low < high; far = high - (high - low) / 2) {
    const Epoch to{at.value + far};
    const ValidatorSet set = TRY(set_of(store, to));
    FinalityProof proof = to == end ? last : TRY(finality_at(store, params, to));
    if (proof.signers.size() != set.size()) return fail(Code::malformed, "a certificate's size");
    if (!codec::has_honest(codec::weight_in(proof, set, trusted), trusted)) {
      high = far - 1;
      continue;
    }
    best = codec::EpochStep{std::move(proof), codec::set_change_of(trusted, set)};
    low = far;
  }
  return best;
}

/// Finds the output and its place among all: in the state while it is unspent, else in its block.
class LocateJob final : public host::Job {
 public:
  LocateJob(const Store& store, GenesisPtr genesis, const Hash& hash, Token token,
            const codec::OutPoint& outpoint)
      : store_(store),
        genesis_(std::move(genesis)),
        hash_(hash),
        token_(token),
        outpoint_(outpoint) {}
  void run() override { found_ = locate(); }

  Token token() const { return token_; }
  const Result<codec::Utxo>& found() const { return found_; }

 private:
  Result<codec::Utxo> locate() {
    if (const auto utxo = TRY(ledger::find_utxo(store_, outpoint_))) return *utxo;
    const auto unknown = [&] {
      return fail(Code::not_found,
                  base::format("no output {} that this node knows", codec::to_text(outpoint_)));
    };
    if (outpoint_.txid == hash_) {
      if (outpoint_.index >= genesis_->outputs.size()) return unknown();
      return codec::Utxo{outpoint_.index, genesis_->outputs[outpoint_.index], {0}};
    }
    const auto place = TRY(read_tx_place(store_, outpoint_.txid));
    if (!place) return unknown();
    const auto first = TRY(read_first_output(store_, place->height));
    const StoredBlock stored = TRY(block_at(store_, place->height));
    const codec::BlockBody body =
        TRY(codec::decode_body(stored.block->body().view(), stored.block->body().size()));
    if (!first || place->index >= body.transactions.size()) return unknown();
    std::uint64_t position = *first;
    for (std::uint32_t i = 0; i < place->index; ++i) {
      position += body.transactions[i]->tx.outputs.size();
    }
    const auto& outputs = body.transactions[place->index]->tx.outputs;
    if (outpoint_.index >= outputs.size()) return unknown();
    return codec::Utxo{position + outpoint_.index, outputs[outpoint_.index], place->height};
  }

  const Store& store_;
  const GenesisPtr genesis_;
  const Hash hash_;
  const Token token_;
  const codec::OutPoint outpoint_;
  Result<codec::Utxo> found_ = fail(Code::internal, "not run yet");
};

class ProveJob final : public host::Job {
 public:
  ProveJob(const Store& store, GenesisPtr genesis, Token token, ProofWanted wanted,
           std::optional<codec::Utxo> utxo, ProofGround ground)
      : store_(store),
        genesis_(std::move(genesis)),
        token_(token),
        wanted_(std::move(wanted)),
        utxo_(std::move(utxo)),
        ground_(std::move(ground)) {}
  void run() override { proof_ = prove(); }

  Token token() const { return token_; }
  const Result<ProofMade>& proof() const { return proof_; }

 private:
  Result<ProofMade> prove() {
    ChainProof proof;
    Epoch from{0};
    if (wanted_.checkpoint) {
      const codec::BlockHeader header =
          TRY(header_at(store_, genesis_->params, *wanted_.checkpoint));
      const ValidatorSet set = TRY(set_of(store_, header.epoch));
      proof.start = codec::CheckpointStart{header, genesis_->params, set.all()};
      from = header.epoch;
    } else if (wanted_.from_epoch) {
      from = *wanted_.from_epoch;
    } else {
      proof.start = *genesis_;
    }
    Way way = TRY(way_to(store_, genesis_->params, from, ground_, ChainProofs::bytes_max));
    if (way.is_part && wanted_.kind != ProofKind::finality) {
      return fail(Code::too_large,
                  base::format("from epoch {} the proof has over {} bytes: ask for finality first",
                               from.value, ChainProofs::bytes_max));
    }
    proof.steps = std::move(way.steps);
    proof.last = std::move(way.last);
    if (wanted_.kind != ProofKind::finality) {
      const codec::BlockHeader under = TRY(header_at(store_, genesis_->params, ground_.height));
      if (wanted_.kind == ProofKind::entries) {
        TRY_VOID(add_entries(proof, under));
      } else {
        proof.claims.push_back(TRY(claim_under(under)));
      }
    }
    return ProofMade{codec::encode_chain_proof(proof), way.height, way.epoch, way.is_part};
  }

  Result<void> add_entries(ChainProof& proof, const codec::BlockHeader& under) const {
    for (const codec::EntryClaim& claim : ground_.entries) {
      TRY_VOID(codec::verify(claim, under));
      proof.claims.emplace_back(claim);
    }
    return {};
  }

  /// Checked before it leaves: a damaged store shows here and not at whoever asked.
  Result<codec::Claim> claim_under(const codec::BlockHeader& under) {
    switch (wanted_.kind) {
      case ProofKind::block: {
        codec::BlockClaim claim = TRY(block_claim(wanted_.height));
        (void)TRY(codec::verify(claim, under));
        return codec::Claim(std::move(claim));
      }
      case ProofKind::tx: {
        codec::TxClaim claim = TRY(tx_claim());
        (void)TRY(codec::verify(claim, under));
        return codec::Claim(std::move(claim));
      }
      case ProofKind::output: {
        codec::OutputClaim claim = TRY(output_claim());
        (void)TRY(codec::verify(claim, under));
        return codec::Claim(std::move(claim));
      }
      case ProofKind::validator: {
        codec::ValidatorClaim claim{wanted_.key, ground_.entry, ground_.registry};
        TRY_VOID(codec::verify(claim, under));
        return codec::Claim(std::move(claim));
      }
      case ProofKind::finality:
      case ProofKind::entries: break;
    }
    return fail(Code::internal, "a claim of no kind");
  }

  Result<codec::BlockClaim> block_claim(Height height) {
    if (height >= ground_.height) {
      return fail(Code::not_found, base::format("block {} is not beneath block {}, the last one",
                                                height.value, ground_.height.value));
    }
    codec::BlockClaim claim;
    claim.header = TRY(header_at(store_, genesis_->params, height));
    claim.history = TRY(codec::prove_mmr(height.value, ground_.height.value,
                                         [&](std::size_t level, std::uint64_t index) {
                                           return read_history_node(store_, level, index);
                                         }));
    return claim;
  }

  Result<codec::TxClaim> tx_claim() {
    const auto place = TRY(read_tx_place(store_, wanted_.txid));
    if (!place || place->height > ground_.height) {
      return fail(Code::not_found, base::format("no final transaction {} that this node knows",
                                                base::to_hex(wanted_.txid)));
    }
    const StoredBlock stored = TRY(block_at(store_, place->height));
    const codec::BlockBody body =
        TRY(codec::decode_body(stored.block->body().view(), stored.block->body().size()));
    if (place->index >= body.transactions.size()) {
      return fail(Code::malformed,
                  base::format("block {} has {} transactions, {} is looked for",
                               place->height.value, body.transactions.size(), place->index));
    }
    codec::TxClaim claim;
    if (place->height != ground_.height) claim.block = TRY(block_claim(place->height));
    claim.tx = body.transactions[place->index]->tx;
    std::vector<Hash> wtxids;
    for (const codec::TxPtr& tx : body.transactions) wtxids.push_back(tx->wtxid);
    claim.place = codec::prove_merkle(wtxids, place->index);
    return claim;
  }

  Result<codec::OutputClaim> output_claim() {
    codec::OutputClaim claim{wanted_.outpoint, *utxo_, {}};
    claim.proof.size = ground_.outputs;
    claim.proof.bitmap = ground_.bitmap;
    claim.proof.upper = ground_.upper;
    const std::uint64_t first = utxo_->position / codec::txo_chunk_leaves * codec::txo_chunk_leaves;
    const std::uint64_t count =
        std::min<std::uint64_t>(codec::txo_chunk_leaves, ground_.outputs - first);
    std::vector<Hash> level = TRY(store_.leaves(first, static_cast<std::size_t>(count)));
    level.resize(codec::txo_chunk_leaves, codec::txo_absent_leaves(0));
    std::size_t at = utxo_->position % codec::txo_chunk_leaves;
    for (Hash& sibling : claim.proof.inside) {
      sibling = level[at ^ 1U];
      for (std::size_t i = 0; i < level.size() / 2; ++i) {
        level[i] = codec::txo_leaf_node(level[2 * i], level[2 * i + 1]);
      }
      level.resize(level.size() / 2);
      at /= 2;
    }
    return claim;
  }

  const Store& store_;
  const GenesisPtr genesis_;
  const Token token_;
  const ProofWanted wanted_;
  const std::optional<codec::Utxo> utxo_;
  const ProofGround ground_;
  Result<ProofMade> proof_ = fail(Code::internal, "not run yet");
};

}  // namespace

Result<Way> way_to(const Store& store, const codec::ChainParams& params, Epoch from,
                   const ProofGround& ground, std::size_t bytes_max) {
  const codec::BlockHeader header = TRY(header_at(store, params, ground.height));
  const FinalityProof last = codec::finality_proof_of(header, *ground.finalization);
  const Epoch end = header.epoch;
  if (from > end) {
    return fail(Code::not_found, base::format("epoch {} has not begun: the last block is of {}",
                                              from.value, end.value));
  }
  Way way;
  way.epoch = from;
  ValidatorSet trusted = TRY(set_of(store, from));
  std::size_t bytes = 0;
  while (way.epoch < end) {
    auto step = TRY(skip_from(store, params, way.epoch, trusted, end, last));
    if (step) {
      way.epoch = step->finality.header.epoch;
    } else {
      way.epoch = codec::next(way.epoch);
      const ValidatorSet set = TRY(set_of(store, way.epoch));
      step = codec::EpochStep{TRY(finality_at(store, params, {way.epoch.value - 1})),
                              codec::set_change_of(trusted, set)};
    }
    trusted = TRY(codec::apply(step->validators, trusted));
    bytes += size_of(*step);
    way.height = step->finality.header.height;
    way.steps.push_back(*std::move(step));
    const bool is_full = bytes > bytes_max || way.steps.size() == codec::proof_steps_max;
    if (is_full && way.height < ground.height) {
      way.is_part = true;
      return way;
    }
  }
  if (way.height < ground.height) way.last = last;
  way.height = ground.height;
  return way;
}

void ChainProofs::ask(Token token, ProofWanted wanted) {
  if (asked_.size() >= asked_max) {
    return answer(token, fail(Code::limit, "too many proofs are being made"));
  }
  if (chain_.height().value == 0) {
    return answer(token, fail(Code::not_found, "no block is final yet"));
  }
  const auto at = asked_.emplace(token, Asked{std::move(wanted), {}}).first;
  if (at->second.wanted.kind != ProofKind::output) {
    at->second.is_located = true;
    return pump();
  }
  at->second.is_running = true;
  jobs_.push_back({Token{}, std::make_shared<LocateJob>(chain_.states().store(), genesis_,
                                                        chain_.genesis_hash(), token,
                                                        at->second.wanted.outpoint)});
}

bool ChainProofs::on_job(const host::Job& job) {
  if (const auto* located = dynamic_cast<const LocateJob*>(&job)) {
    Asked& asked = asked_.at(located->token());
    asked.is_running = false;
    if (!located->found()) {
      answer(located->token(), fail(located->found().error()));
      return true;
    }
    asked.utxo = *located->found();
    asked.is_located = true;
    pump();
    return true;
  }
  if (const auto* proven = dynamic_cast<const ProveJob*>(&job)) {
    answer(proven->token(), proven->proof());
    return true;
  }
  return false;
}

/// A block in the middle of a commit stands by its child's certificate: the child is on its way.
void ChainProofs::pump() {
  if (chain_.is_suspended()) return;
  const CertificatePtr& by = chain_.tip().finalization;
  if (by == nullptr || by->statement.kind != codec::VoteKind::finalize) return;
  std::vector<std::pair<Token, Error>> failed;
  for (auto& [token, asked] : asked_) {
    if (!asked.is_located || asked.is_running) continue;
    auto ground = ground_of(asked);
    if (!ground) {
      failed.emplace_back(token, ground.error());
      continue;
    }
    asked.is_running = true;
    jobs_.push_back(
        {Token{}, std::make_shared<ProveJob>(chain_.states().store(), genesis_, token, asked.wanted,
                                             asked.utxo, *std::move(ground))});
  }
  for (const auto& [token, error] : failed) answer(token, fail(error));
}

Result<ProofGround> ChainProofs::ground_of(const Asked& asked) const {
  ProofGround ground;
  ground.height = chain_.tip().height;
  ground.finalization = chain_.tip().finalization;
  if (asked.wanted.kind == ProofKind::output) {
    const ledger::TxoTree& outputs = chain_.states().txos();
    if (asked.utxo->position >= outputs.size()) {
      return fail(Code::not_found, base::format("output {} is not final yet",
                                                codec::to_text(asked.wanted.outpoint)));
    }
    const std::uint64_t chunk = asked.utxo->position / codec::txo_chunk_leaves;
    ground.outputs = outputs.size();
    ground.bitmap = outputs.chunk(chunk).bitmap;
    ground.upper = outputs.upper_siblings(chunk);
  }
  if (asked.wanted.kind == ProofKind::validator) {
    const ledger::Registry& registry = chain_.states().tip()->registry();
    ground.registry = registry.tree().prove(ledger::registry_key_of(asked.wanted.key));
    if (const auto* entry = registry.find(asked.wanted.key)) ground.entry = *entry;
  }
  for (const codec::EntryName& name : asked.wanted.entries) {
    const ledger::Registry& registry = chain_.states().tip()->registry();
    codec::EntryClaim claim{name.kind, name.id, std::nullopt, {}};
    claim.proof = registry.tree().prove(codec::entry_key(name.kind, name.id));
    if (const auto bytes = registry.by_kind().find(name.kind, name.id)) claim.entry = *bytes;
    ground.entries.push_back(std::move(claim));
  }
  return ground;
}

void ChainProofs::answer(Token token, Result<ProofMade> proof) {
  asked_.erase(token);
  answers_.push_back({token, std::move(proof)});
}

bool ChainProofs::is_quiet() const {
  return jobs_.empty() &&
         std::ranges::none_of(asked_, [](const auto& each) { return each.second.is_running; });
}

void ChainProofs::close() {
  ASSERT(is_quiet());
  while (!asked_.empty()) {
    answer(asked_.begin()->first,
           fail(Code::closed, "the chain was just brought forward by a snapshot: try again"));
  }
}

std::optional<host::RunJob> ChainProofs::poll_job() {
  if (jobs_.empty()) return std::nullopt;
  return jobs_.pop_front();
}

std::optional<ProofAnswered> ChainProofs::poll_answer() {
  if (answers_.empty()) return std::nullopt;
  return answers_.pop_front();
}

}  // namespace kith::node

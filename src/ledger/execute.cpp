#include "ledger/execute.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "codec/chain_merkle.h"
#include "codec/chain_receipt.h"
#include "ledger/beacon.h"
#include "ledger/jobs_carry.h"

namespace kith::ledger {
namespace {

using codec::BlockBody;
using codec::SealedTx;
using codec::Transaction;
using codec::TxAction;
using codec::TxPtr;

/// So many candidates in a row that are too large for what is left end the search for small ones.
constexpr std::size_t misfits_max = 64;

Error about(const Hash& txid, Error error) {
  error.message = base::format("transaction {}: {}", base::to_hex(txid), error.message);
  return error;
}

/// What a transaction would change, found out without changing anything.
struct Effect {
  std::vector<Utxo> spent;  // by input
  RegistryDraft registry;
  Entries entries;
  Amount bonded = 0;    // what orders to validators take out of the inputs,
  Amount escrowed = 0;  // and those to accounts and jobs
  Amount burnt = 0;     // of bonds in escrow
  JobLog jobs = {};
  /// Statements that it carries are heard when this is empty. Else they are only looked at, with so
  /// many looks: they change nothing about whether it applies, and cost the most.
  std::optional<std::size_t> looks = {};
};

JobRules job_rules_of(const Rules& rules) {
  JobRules job_rules{rules.genesis, *rules.params.compute};
  job_rules.events_max = job_events_max;
  return job_rules;
}

template <class Find>
Result<std::vector<Utxo>> find_inputs(const Find& find, const Transaction& tx) {
  std::vector<Hash> locks;
  locks.reserve(tx.witnesses.size());
  for (const codec::TxWitness& witness : tx.witnesses) {
    locks.push_back(codec::lock_of(witness.key));
  }
  std::vector<Utxo> spent;
  spent.reserve(tx.inputs.size());
  for (const codec::TxInput& input : tx.inputs) {
    const std::optional<Utxo> utxo = TRY(find(input.from));
    if (!utxo) {
      return fail(Code::not_found,
                  base::format("input {} is spent or was never there", to_text(input.from)));
    }
    if (utxo->output.lock != locks[input.witness]) {
      return fail(Code::permission, base::format("input {} is another key's than witness {}",
                                                 to_text(input.from), input.witness));
    }
    spent.push_back(*utxo);
  }
  return spent;
}

Result<void> take(Amount& sum, Amount amount) {
  const std::optional<Amount> more = codec::add(sum, amount);
  if (!more) return fail(Code::malformed, "bonds overflow");
  sum = *more;
  return {};
}

Result<void> obey_job(const Rules& rules, Height height, ByteView body, const ChainKey* signer,
                      Effect& effect) {
  const codec::JobOrder order = TRY(codec::decode_job_order(body));
  const auto* const carry = std::get_if<codec::CarryStatements>(&order);
  if (carry != nullptr && effect.looks) {
    return check_carried(effect.entries, height, *carry, *effect.looks);
  }
  const JobEffect done =
      TRY(apply_job(job_rules_of(rules), height, effect.entries, order, signer, &effect.jobs));
  TRY_VOID(take(effect.burnt, done.burnt));
  return take(effect.escrowed, done.taken);
}

Result<void> obey_action(const Rules& rules, Height height, const TxAction& action,
                         const ChainKey* signer, Effect& effect) {
  const Epoch epoch = epoch_of(rules.params, height);
  if (action.module == codec::module_validators) {
    const codec::ValidatorOrder order = TRY(codec::decode_order(action.body));
    const Amount amount = TRY(apply_order(rules.params, epoch, effect.registry, order, signer));
    return take(effect.bonded, amount);
  }
  if (action.module == codec::module_accounts && rules.params.compute) {
    const codec::AccountOrder order = TRY(codec::decode_account_order(action.body));
    const AccountRules account_rules{*rules.params.compute, rules.genesis, epoch, height};
    return take(effect.escrowed, TRY(apply_account(account_rules, effect.entries, order, signer)));
  }
  if (action.module == codec::module_jobs && rules.params.compute) {
    return obey_job(rules, height, action.body, signer, effect);
  }
  return fail(Code::unsupported, base::format("action for module {}", action.module));
}

Result<void> check_balance(const Transaction& tx, const Effect& effect) {
  std::optional<Amount> in = 0;
  for (const Utxo& utxo : effect.spent) {
    if (in) in = codec::add(*in, utxo.output.value);
  }
  std::optional<Amount> out = codec::add(tx.fee, effect.bonded);
  if (out) out = codec::add(*out, effect.escrowed);
  for (const codec::TxOutput& output : tx.outputs) {
    if (out) out = codec::add(*out, output.value);
  }
  if (in && out && *in == *out) return {};
  if (!in || !out) return fail(Code::malformed, "amounts overflow");
  return fail(Code::refused,
              base::format("inputs of {}, but outputs, fee and bonds of {}", *in, *out));
}

template <class Find>
Result<Effect> effect_of(const Rules& rules, const BlockState& state, Height height,
                         const SealedTx& sealed, std::optional<std::size_t> looks,
                         const Find& find) {
  TRY_VOID(check_policy(rules.params, height, sealed));
  const Transaction& tx = sealed.tx;
  Effect effect{TRY(find_inputs(find, tx)), RegistryDraft(state.registry()),
                state.registry().by_kind()};
  effect.looks = looks;
  for (const TxAction& action : tx.actions) {
    const ChainKey* signer =
        action.witness == TxAction::no_witness ? nullptr : &tx.witnesses[action.witness].key;
    TRY_VOID(obey_action(rules, height, action, signer, effect));
  }
  TRY_VOID(check_balance(tx, effect));
  return effect;
}

/// One block on its way.
class Execution {
 public:
  Execution(const Rules& rules, std::shared_ptr<const BlockState> parent,
            const BlockContext& context, std::size_t expected_txs)
      : rules_(rules),
        context_(context),
        state_(std::make_shared<BlockState>(std::move(parent), expected_txs * 3)) {
    receipts_.reserve(expected_txs + 1);
  }

  Epoch epoch() const { return epoch_of(rules_.params, context_.height); }

  Result<void> apply(const SealedTx& tx, bool is_verified) {
    const auto find = [this](const OutPoint& outpoint) { return state_->find(outpoint); };
    Effect effect = TRY(effect_of(rules_, *state_, context_.height, tx, std::nullopt, find));
    if (!is_verified) TRY_VOID(codec::verify_signatures(tx.tx, rules_.genesis));
    for (std::size_t i = 0; i < effect.spent.size(); ++i) {
      state_->spend(tx.tx.inputs[i].from, effect.spent[i], tx.txid);
    }
    create(tx.txid, tx.tx.outputs, tx.tx.fee, effect.bonded + effect.escrowed);
    effect.registry.commit(state_->change_registry());
    state_->change_registry().change_by_kind() = std::move(effect.entries);
    state_->change_supply().bonded += effect.bonded;
    state_->change_supply().escrow += effect.escrowed;
    burn(effect.burnt);
    note(std::move(effect.jobs));
    fees_ += tx.tx.fee;
    return {};
  }

  Result<void> apply_evidence(ByteView evidence) {
    if (!rules_.check_evidence) return fail(Code::unsupported, "evidence in a block");
    const Offence offence = TRY(rules_.check_evidence(evidence));
    return punish(rules_.params, epoch(), state_->change_registry(), state_->change_supply(),
                  offence);
  }

  Result<Executed> finish(const BlockBody& body) {
    const codec::ChainParams& params = rules_.params;
    Registry& registry = state_->change_registry();
    Supply& supply = state_->change_supply();
    // The proof of the block's proposer goes into the beacon here, before the jobs draw by it.
    if (params.compute) end_jobs();
    TRY_VOID(account_block(params, context_.height, registry, supply,
                           {context_.proposer, context_.signers}, fees_));
    if (context_.height.value % params.jail_window == 0) {
      end_window(params, epoch(), registry, supply);
    }
    if (is_last_of_epoch(params, context_.height)) {
      std::vector<Payout> payouts = end_epoch(params, epoch(), registry, supply);
      end_accounts(payouts);
      pay_out(payouts);
    }
    const BlockState::Roots roots = state_->settle();
    return Executed{state_,
                    {codec::tx_root(body), roots.utxos, roots.registry,
                     codec::merkle_root(receipts_), codec::evidence_root(body)},
                    fees_,
                    body.transactions.size(),
                    std::move(jobs_)};
  }

 private:
  void create(const Hash& txid, const std::vector<codec::TxOutput>& outputs, Amount fee,
              Amount bonded) {
    receipts_.push_back(codec::receipt_hash(
        {txid, fee, bonded, state_->txos().size(), static_cast<std::uint32_t>(outputs.size())}));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      state_->create({txid, static_cast<std::uint32_t>(i)}, outputs[i]);
    }
  }

  /// Out of the escrow, for ever.
  void burn(Amount amount) {
    state_->change_supply().escrow -= amount;
    state_->change_supply().burnt += amount;
  }

  void note(JobLog events) {
    const std::size_t room = job_events_max - jobs_.size();
    if (events.size() > room) events.erase(events.begin() + static_cast<long>(room), events.end());
    std::ranges::move(events, std::back_inserter(jobs_));
  }

  void end_jobs() {
    Entries& entries = state_->change_registry().change_by_kind();
    const Hash beacon = beacon_of(entries, rules_.genesis);
    burn(end_block_jobs(job_rules_of(rules_), context_.height, beacon, entries, &jobs_));
  }

  void end_accounts(std::vector<Payout>& payouts) {
    Supply& supply = state_->change_supply();
    AccountPayouts end =
        end_epoch_accounts(rules_.params.dust, epoch(), state_->change_registry().change_by_kind());
    for (const Payout& payout : end.payouts) supply.escrow -= payout.value;
    burn(end.burnt);
    std::ranges::move(end.payouts, std::back_inserter(payouts));
  }

  void pay_out(const std::vector<Payout>& payouts) {
    if (payouts.empty()) return;
    std::vector<codec::TxOutput> outputs;
    outputs.reserve(payouts.size());
    for (const Payout& payout : payouts) {
      outputs.push_back({codec::output_version, codec::lock_key_hash, payout.value, payout.lock});
    }
    create(codec::system_txid(rules_.genesis, context_.height), outputs, 0, 0);
  }

  const Rules& rules_;
  const BlockContext& context_;
  std::shared_ptr<BlockState> state_;
  std::vector<Hash> receipts_;
  JobLog jobs_;
  Amount fees_ = 0;
};

Result<void> check_context(const BlockState& parent, const BlockContext& context) {
  if (context.height == codec::next(parent.height())) return {};
  return fail(Code::malformed, base::format("block of height {} on one of height {}",
                                            context.height.value, parent.height().value));
}

}  // namespace

Result<void> check_policy(const codec::ChainParams& params, Height height, const SealedTx& sealed) {
  const Transaction& tx = sealed.tx;
  if (sealed.bytes > params.tx_bytes_max) {
    return fail(Code::too_large,
                base::format("{} bytes, limit {}", sealed.bytes, params.tx_bytes_max));
  }
  if (tx.expiry != 0 && tx.expiry < height.value) {
    return fail(Code::refused,
                base::format("expired at height {}, now {}", tx.expiry, height.value));
  }
  if (const Amount least = codec::min_fee(params, sealed.bytes); tx.fee < least) {
    return fail(Code::refused,
                base::format("fee of {}, at least {} for {} bytes", tx.fee, least, sealed.bytes));
  }
  for (const codec::TxOutput& output : tx.outputs) {
    if (output.value < params.dust) {
      return fail(Code::refused,
                  base::format("dust: output of {}, at least {}", output.value, params.dust));
    }
  }
  return {};
}

Result<void> check_applies(const Rules& rules, const BlockState& state, Height height,
                           const SealedTx& tx, const FindUtxo& find, std::size_t looks) {
  TRY_VOID(effect_of(rules, state, height, tx, looks, find));
  return {};
}

Result<Executed> execute(const Rules& rules, std::shared_ptr<const BlockState> parent,
                         const BlockContext& context, const BlockBody& body,
                         const std::vector<bool>& is_verified) {
  ASSERT(is_verified.empty() || is_verified.size() == body.transactions.size());
  TRY_VOID(check_context(*parent, context));
  if (const std::size_t size = encoded_size(body); size > rules.params.block_bytes_max) {
    return fail(Code::too_large,
                base::format("body of {} bytes, limit {}", size, rules.params.block_bytes_max));
  }
  Execution execution(rules, std::move(parent), context, body.transactions.size());
  for (std::size_t i = 0; i < body.transactions.size(); ++i) {
    const SealedTx& tx = *body.transactions[i];
    const auto applied = execution.apply(tx, !is_verified.empty() && is_verified[i]);
    if (!applied) return fail(about(tx.txid, applied.error()));
  }
  for (const Bytes& evidence : body.evidence) TRY_VOID(execution.apply_evidence(evidence));
  return execution.finish(body);
}

Result<Assembled> assemble(const Rules& rules, std::shared_ptr<const BlockState> parent,
                           const BlockContext& context, const NextCandidate& next,
                           std::vector<Bytes> evidence) {
  TRY_VOID(check_context(*parent, context));
  Assembled assembled;
  constexpr std::size_t expected_txs = 1024;
  Execution execution(rules, std::move(parent), context, expected_txs);
  // Evidence has its place before transactions fill the block, and its turn after them: what it
  // does to a stake must not depend on where the proposer puts it.
  std::size_t size = codec::body_empty_bytes;
  for (Bytes& piece : evidence) {
    const std::size_t bytes = codec::body_item_overhead + piece.size();
    if (assembled.body.evidence.size() == codec::body_evidence_max ||
        size + bytes > rules.params.block_bytes_max / 2) {
      break;
    }
    size += bytes;
    assembled.body.evidence.push_back(std::move(piece));
  }
  for (std::size_t misfits = 0; misfits < misfits_max;) {
    TxPtr tx = next();
    if (!tx) break;
    const std::size_t bytes = codec::body_item_overhead + tx->bytes;
    if (size + bytes > rules.params.block_bytes_max) {
      ++misfits;
      continue;
    }
    if (const auto applied = execution.apply(*tx, true); !applied) {
      if (applied.error().code == Code::io) return fail(applied.error());
      assembled.skipped.emplace_back(tx->txid, applied.error());
      continue;
    }
    size += bytes;
    assembled.body.transactions.push_back(std::move(tx));
  }
  std::vector<Bytes> held;
  for (Bytes& piece : assembled.body.evidence) {
    if (execution.apply_evidence(piece)) held.push_back(std::move(piece));
  }
  assembled.body.evidence = std::move(held);
  assembled.executed = TRY(execution.finish(assembled.body));
  return assembled;
}

}  // namespace kith::ledger

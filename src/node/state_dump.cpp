#include "node/state_dump.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_account.h"
#include "codec/chain_job.h"
#include "codec/chain_validator.h"
#include "node/header_roots.h"

namespace kith::node {
namespace {

using ledger::Table;
using ledger::WriteBatch;

std::string hex(ByteView bytes) { return base::to_hex(bytes); }

std::string line(std::string_view what, std::string_view value) {
  return base::format("{} {}\n", what, value);
}

std::string supply_text(const ledger::Supply& supply) {
  return base::format("outputs {} bonded {} owed {} treasury {} minted {} burnt {} escrow {}",
                      supply.outputs, supply.bonded, supply.owed, supply.treasury, supply.minted,
                      supply.burnt, supply.escrow);
}

std::string roots_text(const codec::BlockHeader& said, const codec::BlockHeader* found) {
  std::string text;
  for (const auto& [name, field] : header_roots) {
    const std::string ours = found == nullptr ? "none" : hex(found->*field);
    const bool is_same = found != nullptr && said.*field == found->*field;
    text += base::format("root {} said {} found {}{}\n", name, hex(said.*field), ours,
                         is_same ? "" : " DIFFERS");
  }
  return text;
}

template <class... Kinds, class Order>
codec::Amount amount_of(const Result<Order>& order) {
  codec::Amount amount = 0;
  const auto add = [&](const auto* kind) {
    if (kind != nullptr) amount = kind->amount;
  };
  if (order) (add(std::get_if<Kinds>(&*order)), ...);
  return amount;
}

/// Out of the transaction's inputs: into stake, bonds and jobs.
codec::Amount taken_by(const codec::TxAction& action) {
  switch (action.module) {
    case codec::module_validators:
      return amount_of<codec::Bond, codec::AddStake>(codec::decode_order(action.body));
    case codec::module_accounts:
      return amount_of<codec::OpenAccount, codec::AddBond>(
          codec::decode_account_order(action.body));
    case codec::module_jobs:
      return amount_of<codec::SubmitJob, codec::FundJob>(codec::decode_job_order(action.body));
    default: return 0;
  }
}

/// As execute() makes them; what a transaction bonds is the sum of its orders.
std::string receipts_text(const codec::BlockBody& body, std::uint64_t first_index) {
  std::string text;
  for (std::size_t i = 0; i < body.transactions.size(); ++i) {
    const codec::SealedTx& tx = *body.transactions[i];
    codec::Amount bonded = 0;
    for (const codec::TxAction& action : tx.tx.actions) bonded += taken_by(action);
    text += base::format("receipt {} txid {} fee {} bonded {} first {} outputs {}\n", i,
                         hex(tx.txid), tx.tx.fee, bonded, first_index, tx.tx.outputs.size());
    first_index += tx.tx.outputs.size();
  }
  return text;
}

std::string outpoint_text(ByteView key) {
  if (key.size() != codec::outpoint_bytes) return hex(key);
  std::uint32_t index = 0;
  for (const std::uint8_t byte : key.last(4)) index = index << 8 | byte;
  return base::format("{}:{}", hex(key.first(32)), index);
}

std::string output_text(const WriteBatch::Record& record) {
  const std::string name = outpoint_text(record.key);
  if (!record.value) return base::format("output {} spent\n", name);
  const auto utxo = codec::decode_utxo(*record.value);
  if (!utxo) return base::format("output {} {}\n", name, hex(*record.value));
  return base::format("output {} created index {} value {} lock {}\n", name, utxo->position,
                      utxo->output.value, hex(utxo->output.lock));
}

std::string validator_text(const WriteBatch::Record& record) {
  if (!record.value) return base::format("validator {} gone\n", hex(record.key));
  const auto entry = codec::decode_validator(*record.value);
  if (!entry) return base::format("validator {} {}\n", hex(record.key), hex(*record.value));
  std::string text = base::format(
      "validator {} {} owner {} stake {} weight {} before {} joined {} jailed_until {} voted {} "
      "missed {} uptime {} voted_ever {} missed_ever {} rewards {}",
      hex(record.key), codec::name_of(entry->status), hex(entry->owner), entry->stake,
      entry->weight, entry->weight_before, entry->joined, entry->jailed_until, entry->voted,
      entry->missed, entry->uptime, entry->voted_ever, entry->missed_ever, entry->rewards);
  for (const codec::Unbonding& each : entry->unbondings) {
    text += base::format(" unbonding {}@{}", each.amount, each.epoch);
  }
  return text + "\n";
}

std::string entry_text(const WriteBatch::Record& record) {
  return base::format("entry {} {}\n", hex(record.key), record.value ? hex(*record.value) : "gone");
}

std::string changes_text(WriteBatch batch) {
  std::ranges::sort(batch.records, [](const auto& a, const auto& b) {
    return std::tie(a.table, a.key) < std::tie(b.table, b.key);
  });
  std::string text;
  for (const WriteBatch::Record& record : batch.records) {
    switch (record.table) {
      case Table::utxo: text += output_text(record); break;
      case Table::validator: text += validator_text(record); break;
      case Table::entry: text += entry_text(record); break;
      case Table::txo_chunk:
        text += base::format("chunk {} {}\n", hex(record.key),
                             record.value ? hex(*record.value) : "gone");
        break;
      case Table::meta:
      case Table::spent: break;  // the supply stands above, and who spent follows from the block
    }
  }
  for (std::size_t i = 0; i < batch.leaves.size(); ++i) {
    text += base::format("leaf {} {}\n", batch.first_leaf + i, hex(batch.leaves[i]));
  }
  return text;
}

}  // namespace

std::string dump_execution(const BlockGround& ground, const codec::Block& block) {
  const codec::BlockHeader& header = block.header();
  std::string text = "kith state dump 1\n";
  text += line("genesis", hex(ground.rules->genesis));
  text += base::format("height {}\nepoch {}\nview {}\n", header.height.value, header.epoch.value,
                       header.view.value);
  text += line("block", hex(block.digest()));
  text += line("parent", hex(header.parent));
  text += line("proposer", hex(ground.context.proposer));
  for (const codec::ChainKey& signer : ground.context.signers) text += line("signer", hex(signer));
  text += line("supply before", supply_text(ground.parent->supply()));
  text += base::format("outputs before {}\n", ground.parent->txos().size());

  const auto body = codec::decode_body(block.body().view(), ground.rules->params.block_bytes_max);
  if (!body) return text + line("verdict", body.error().message) + roots_text(header, nullptr);
  text += base::format("transactions {}\nevidence {}\n", body->transactions.size(),
                       body->evidence.size());
  auto executed = ledger::execute(*ground.rules, ground.parent, ground.context, *body, {});
  codec::BlockHeader found = header;
  const auto filled =
      executed ? fill_header(found, ground, *executed) : Result<void>(fail(executed.error()));
  const auto verdict = filled ? compare_headers(header, found) : filled;
  text += line("verdict", verdict ? "good" : verdict.error().message);
  text += roots_text(header, filled ? &found : nullptr);
  text += receipts_text(*body, ground.parent->txos().size());
  if (!executed) return text;
  text += line("supply after", supply_text(executed->state->supply()));
  return text + changes_text(executed->state->batch());
}

}  // namespace kith::node

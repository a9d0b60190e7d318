#include "node/inspect.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "codec/chain_evidence.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "consensus/leaders.h"
#include "ledger/accounts.h"
#include "ledger/beacon.h"
#include "ledger/memory_store.h"
#include "ledger/validators.h"
#include "node/chain_index.h"
#include "node/chain_jobs.h"
#include "node/state_dump.h"

namespace kith::node {
namespace {

constexpr std::size_t leaves_at_once = 4096;
/// More of one kind tell nothing new.
constexpr std::size_t problems_max = 50;

constexpr std::pair<Table, const char*> tables[] = {{Table::meta, "meta"},
                                                    {Table::utxo, "unspent outputs"},
                                                    {Table::spent, "spent outputs"},
                                                    {Table::validator, "validators"},
                                                    {Table::txo_chunk, "chunks of outputs"},
                                                    {Table::entry, "entries"},
                                                    {block_table, "blocks"},
                                                    {certificate_table, "certificates"},
                                                    {digest_table, "digests"},
                                                    {history_table, "history"},
                                                    {validators_table, "validator sets"},
                                                    {tx_table, "transactions"},
                                                    {epoch_end_table, "ends of epochs"},
                                                    {first_output_table, "first outputs"},
                                                    {header_table, "headers"},
                                                    {owned_table, "owned outputs"},
                                                    {history_of_table, "histories of addresses"}};

void add_problem(Inspection& inspection, std::string problem) {
  if (inspection.problems.size() < problems_max) {
    inspection.problems.push_back(std::move(problem));
  }
}

void compare(Inspection& inspection, std::string_view what, const Hash& stored, const Hash& found) {
  if (stored == found) return;
  add_problem(inspection, base::format("{}: {} is stored, {} follows from what is stored", what,
                                       base::to_hex(stored), base::to_hex(found)));
}

Result<Hash> digest_at(const Store& store, const codec::Genesis& genesis, Height height) {
  if (height.value == 0) return codec::genesis_hash(genesis);
  const auto last = TRY(read_final(store, height, genesis.params.epoch_blocks));
  if (!last) return fail(Code::not_found, base::format("no block {}", height.value));
  return codec::digest_of(last->header);
}

/// What leaves and the table of unspent outputs make. A snapshot brings no leaves of a chunk that
/// was spent altogether: for them stands the root that is stored.
Result<ledger::TxoTree> tree_of(const Store& store, const std::vector<Hash>& leaves,
                                const std::vector<bool>& is_unspent) {
  Bytes chunks;
  ledger::TxoFrontier frontier;
  for (std::size_t first = 0; first < leaves.size(); first += codec::txo_chunk_leaves) {
    frontier = {};
    codec::TxoBitmap bitmap{};
    bool is_there = false;
    const std::size_t end = std::min(leaves.size(), first + codec::txo_chunk_leaves);
    for (std::size_t i = first; i < end; ++i) {
      frontier.push(leaves[i]);
      if (is_unspent[i]) codec::set_bit(bitmap, i - first, true);
      is_there = is_there || leaves[i] != Hash{};
    }
    if (is_there) {
      base::append(chunks, frontier.root());
    } else {
      Bytes key;
      codec::Writer(key).u64(first / codec::txo_chunk_leaves);
      const auto record = TRY(store.get(Table::txo_chunk, key));
      if (!record || record->size() != sizeof(Hash) + bitmap.size()) {
        return fail(Code::malformed, base::format("outputs from {} on have no leaves", first));
      }
      base::append(chunks, ByteView(*record).first(sizeof(Hash)));
    }
    base::append(chunks, bitmap);
  }
  if (frontier.count() == codec::txo_chunk_leaves) frontier = {};
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(1);  // TxoTree::encode()
  writer.u64(leaves.size());
  for (const Hash& peak : frontier.peaks()) writer.bytes(peak);
  writer.bytes(chunks);
  return ledger::TxoTree::decode(bytes);
}

/// Outputs: the leaves' file, the table of unspent ones, and the root of the last header.
Result<void> check_outputs(const Store& store, const ReadLeaves& leaves, Inspection& inspection) {
  std::vector<Hash> all;
  all.reserve(inspection.outputs_ever);
  while (all.size() < inspection.outputs_ever) {
    const std::size_t count =
        std::min<std::size_t>(leaves_at_once, inspection.outputs_ever - all.size());
    const auto some = TRY(leaves(all.size(), count));
    all.insert(all.end(), some.begin(), some.end());
  }
  std::vector<bool> is_unspent(all.size(), false);
  codec::Amount sum = 0;
  std::optional<std::string> damage;
  TRY_VOID(store.scan(Table::utxo, [&](ByteView key, ByteView value) {
    const auto utxo = codec::decode_utxo(value);
    codec::Reader reader(key);
    codec::OutPoint outpoint;
    const auto txid = reader.bytes(outpoint.txid.size());
    const auto index = reader.u32();
    if (!utxo || !txid || !index || utxo->position >= all.size()) {
      damage = "an unspent output cannot be read: " + base::to_hex(key);
      return;
    }
    std::ranges::copy(*txid, outpoint.txid.begin());
    outpoint.index = *index;
    is_unspent[utxo->position] = true;
    sum += utxo->output.value;
    if (codec::txo_leaf(outpoint, *utxo) != all[utxo->position]) {
      damage = base::format("output {} is not the leaf at its place", to_text(outpoint));
    }
  }));
  if (damage) add_problem(inspection, *damage);
  const ledger::TxoTree tree = TRY(tree_of(store, all, is_unspent));
  compare(inspection, "the root of outputs", inspection.utxo_root, tree.root());
  if (sum != inspection.supply.outputs) {
    add_problem(inspection, base::format("unspent outputs add up to {}, the supply says {}", sum,
                                         inspection.supply.outputs));
  }
  inspection.checks.push_back(
      base::format("the root of all {} outputs ever created, from their leaves and what is unspent",
                   all.size()));
  return {};
}

/// Each entry is one that the rules write, and together they own what the supply says.
void check_escrow(Inspection& inspection) {
  std::optional<codec::Amount> escrow = 0;
  inspection.entries.visit_all(
      [&](const ledger::EntryKey& key, const std::shared_ptr<const Bytes>& entry) {
        const auto owned = ledger::escrow_of(key, *entry);
        if (!owned) {
          add_problem(inspection, base::format("entry {}: {}", base::to_hex(record_key(key)),
                                               owned.error().message));
          return;
        }
        if (escrow) escrow = codec::add(*escrow, *owned);
      });
  if (escrow == inspection.supply.escrow) return;
  add_problem(inspection, base::format("entries own {}, the supply's escrow is {}",
                                       escrow.value_or(0), inspection.supply.escrow));
}

void check_registry(Inspection& inspection) {
  ledger::Registry registry;
  for (const ledger::ValidatorEntry& entry : inspection.validators) registry.put(entry);
  registry.change_by_kind() = inspection.entries;
  compare(inspection, "the root of validators", inspection.registry_root,
          registry.settle(inspection.supply));
  if (!inspection.supply.is_conserved()) add_problem(inspection, "the supply does not add up");
  check_escrow(inspection);
  inspection.checks.push_back(base::format("the root of {} validators, {} entries and the supply",
                                           inspection.validators.size(),
                                           inspection.entries.size()));
}

/// Each block: on the one before, known by its digest, and certified by its epoch's validators.
Result<void> check_blocks(const Store& store, const codec::Genesis& genesis,
                          Inspection& inspection) {
  const Hash hash = codec::genesis_hash(genesis);
  codec::Mmr history;
  history.append(hash);
  Hash parent = hash;
  std::map<codec::Epoch, codec::ValidatorSet> sets;
  std::uint64_t pruned = 0;
  for (Height height{1}; height <= inspection.height; height = codec::next(height)) {
    const auto stored = TRY(read_block(store, height));
    if (!stored) {
      if (pruned + 1 == height.value) {
        ++pruned;
      } else {
        add_problem(inspection, base::format("block {} is not there", height.value));
      }
      continue;
    }
    const codec::BlockHeader& header = stored->block->header();
    const Hash& digest = stored->block->digest();
    const bool follows = pruned + 1 == height.value && pruned > 0;  // on what is pruned
    if (header.height != height || (!follows && header.parent != parent)) {
      add_problem(inspection,
                  base::format("block {} does not stand on the one before", height.value));
    }
    if (pruned == 0) {
      if (header.history_root != history.root()) {
        compare(inspection, base::format("the history root of block {}", height.value),
                header.history_root, history.root());
      }
      history.append(digest);
    }
    const auto place = TRY(read_height(store, digest));
    if (place != height) {
      add_problem(inspection, base::format("block {} is not found by its digest", height.value));
    }
    const codec::Epoch epoch = codec::epoch_of(genesis.params, height);
    if (!sets.contains(epoch)) {
      if (auto set = TRY(read_validators(store, epoch))) sets.emplace(epoch, *std::move(set));
    }
    const auto set = sets.find(epoch);
    const codec::Statement& statement = stored->certificate->statement;
    const auto verified = set == sets.end()
                              ? Result<void>(fail(Code::not_found, "its validators are not there"))
                              : verify(*stored->certificate, hash, set->second);
    if (!verified) {
      add_problem(inspection, base::format("the certificate of block {}: {}", height.value,
                                           verified.error().message));
    } else if (statement.subject.digest != digest || statement.epoch != epoch ||
               statement.kind == codec::VoteKind::nullify) {
      add_problem(inspection,
                  base::format("the certificate of block {} is of another", height.value));
    }
    parent = digest;
  }
  if (pruned == 0) {
    const codec::Mmr stored = TRY(read_history(store));
    compare(inspection, "the root of the history", stored.root(), history.root());
  }
  inspection.checks.push_back(
      base::format("blocks {} to {}: each on the one before, with a "
                   "certificate whose signatures hold",
                   pruned + 1, inspection.height.value));
  return {};
}

/// What a replay needs to know of one epoch.
struct ReplayEpoch {
  codec::ValidatorSet validators;
  consensus::LeaderSchedule leaders;
};

Result<std::shared_ptr<ledger::Rules>> rules_of(const Store& store, const codec::Genesis& genesis) {
  auto rules = std::make_shared<ledger::Rules>();
  rules->params = genesis.params;
  rules->genesis = codec::genesis_hash(genesis);
  rules->check_evidence = [&store,
                           hash = rules->genesis](ByteView bytes) -> Result<ledger::Offence> {
    const codec::Evidence evidence = TRY(codec::decode_evidence(bytes));
    const auto set = TRY(read_validators(store, evidence.first.statement.epoch));
    if (!set) return fail(Code::not_found, "the validators of its epoch are not there");
    TRY_VOID(codec::verify(evidence, hash, *set));
    return ledger::Offence{evidence.key, evidence.first.statement.epoch};
  };
  return rules;
}

BlockGround ground_of(const codec::Block& block, ReplayEpoch& epoch,
                      std::shared_ptr<const ledger::Rules> rules,
                      std::shared_ptr<const ledger::BlockState> parent, const codec::Mmr& history) {
  BlockGround ground;
  ground.is_last_of_epoch = codec::is_last_of_epoch(rules->params, block.header().height);
  ground.rules = std::move(rules);
  ground.parent = std::move(parent);
  ground.history_root = history.root();
  ground.context.height = block.header().height;
  ground.context.proposer = epoch.validators.at(epoch.leaders.leader(block.header().view)).key;
  if (block.justification().parent) {
    const codec::Certificate& by = *block.justification().parent;
    for (std::size_t i = 0; i < by.signers.size(); ++i) {
      const auto index = static_cast<codec::ValidatorIndex>(i);
      if (by.signers[i]) ground.context.signers.push_back(epoch.validators.at(index).key);
    }
  }
  return ground;
}

}  // namespace

Result<Inspection> inspect(const Store& store, const codec::Genesis& genesis) {
  Inspection inspection;
  inspection.genesis = codec::genesis_hash(genesis);
  if (!TRY(holds_chain(store, inspection.genesis))) {
    return fail(Code::not_found, "the store holds no chain yet");
  }
  const auto bytes = TRY(store.get(Table::meta, base::as_bytes(ledger::tip_key)));
  if (!bytes) return fail(Code::malformed, "the store has no state");
  const ledger::TipRecord tip = TRY(ledger::decode_tip(*bytes));
  inspection.height = tip.height;
  inspection.supply = tip.supply;
  inspection.outputs_ever = tip.txo_count;
  inspection.epoch = {tip.height.value / genesis.params.epoch_blocks};
  inspection.digest = TRY(digest_at(store, genesis, tip.height));
  if (tip.height.value == 0) {
    const auto roots = ledger::make_genesis_state(genesis).roots;
    inspection.time = {static_cast<std::int64_t>(genesis.time_ms)};
    inspection.utxo_root = roots.utxos;
    inspection.registry_root = roots.registry;
  } else {
    const auto last = TRY(read_final(store, tip.height, genesis.params.epoch_blocks));
    if (!last) return fail(Code::malformed, base::format("no block {}", tip.height.value));
    inspection.time = last->header.time;
    inspection.view = last->certificate->statement.view();
    inspection.utxo_root = last->header.utxo_root;
    inspection.registry_root = last->header.registry_root;
  }
  compare(inspection, "the root of outputs of the last block", inspection.utxo_root, tip.txo_root);
  TRY_VOID(store.scan(Table::validator, [&](ByteView key, ByteView value) {
    auto entry = codec::decode_validator(value);
    if (entry) {
      inspection.validators.push_back(*std::move(entry));
    } else {
      add_problem(inspection,
                  base::format("validator {}: {}", base::to_hex(key), entry.error().message));
    }
  }));
  TRY_VOID(store.scan(Table::entry, [&](ByteView record, ByteView value) {
    const auto key = ledger::entry_key_of(record);
    if (key && !value.empty() && value.size() <= codec::entry_bytes_max) {
      inspection.entries.put(key->kind, key->id, base::to_bytes(value));
    } else {
      add_problem(inspection, "an entry cannot be: " + base::to_hex(record));
    }
  }));
  for (const auto& [table, name] : tables) {
    TableSize size{name};
    TRY_VOID(store.scan(table, [&](ByteView key, ByteView value) {
      ++size.records;
      size.bytes += key.size() + value.size();
    }));
    inspection.tables.push_back(std::move(size));
  }
  return inspection;
}

Result<void> inspect_deep(const Store& store, const codec::Genesis& genesis,
                          const ReadLeaves& leaves, Inspection& inspection) {
  check_registry(inspection);
  TRY_VOID(check_outputs(store, leaves, inspection));
  return check_blocks(store, genesis, inspection);
}

Result<std::string> replay(const Store& store, const codec::Genesis& genesis, Height until) {
  const auto rules = TRY(rules_of(store, genesis));
  ledger::MemoryStore memory;
  memory.write(make_genesis_batch(genesis));
  auto states = TRY(ledger::StateTree::open(memory, rules->genesis, {}));
  codec::Mmr history;
  history.append(rules->genesis);
  codec::ValidatorSet validators = genesis_validators(genesis);
  std::optional<ReplayEpoch> epoch;
  Hash leaders_seed = rules->genesis;
  std::string text = "nothing was replayed\n";
  const Height last = until.value > 0 ? until : Height{TRY(read_history(store)).count() - 1};
  for (Height height{1}; height <= last; height = codec::next(height)) {
    const auto stored = TRY(read_block(store, height));
    if (!stored) {
      return fail(Code::not_found,
                  base::format("block {} is not stored: there is no replaying from "
                               "genesis",
                               height.value));
    }
    const codec::Block& block = *stored->block;
    if (!epoch) {
      epoch.emplace(ReplayEpoch{
          validators, consensus::LeaderSchedule(validators, leaders_seed,
                                                codec::epoch_of(genesis.params, height))});
    }
    const BlockGround ground = ground_of(block, *epoch, rules, states->tip(), history);
    if (height == last) text = dump_execution(ground, block);
    CheckJob check(ground, stored->block, Instant{});
    check.run();
    if (!check.verdict()) {
      if (height == last) return text;  // which says what
      return fail(check.verdict().error().code,
                  base::format("block {}: {}", height.value, check.verdict().error().message));
    }
    states->add(block.digest(), check.take_state());
    memory.write(states->batch_of(block.digest()));
    states->finalize(block.digest());
    history.append(block.digest());
    if (ground.is_last_of_epoch) {
      validators = TRY(validators_after(*states->tip()));
      leaders_seed =
          genesis.params.compute
              ? ledger::leaders_seed_of(states->tip()->registry().by_kind(), rules->genesis)
              : block.digest();
      epoch.reset();
    }
  }
  return text;
}

}  // namespace kith::node

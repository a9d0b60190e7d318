#include "node/chain_store.h"

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "ledger/validators.h"
#include "node/chain_index.h"

namespace kith::node {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::string_view history_key = "history";
constexpr std::string_view genesis_key = "genesis";
constexpr std::string_view floor_key = "floor";

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}

Bytes key_of(std::size_t level, std::uint64_t index) {
  Bytes key;
  codec::Writer writer(key);
  writer.u8(static_cast<std::uint8_t>(level));
  writer.u64(index);
  return key;
}

Bytes versioned(ByteView value) {
  Bytes bytes{format_version};
  base::append(bytes, value);
  return bytes;
}

void put(WriteBatch& batch, Table table, Bytes key, ByteView value) {
  batch.records.push_back({table, std::move(key), versioned(value)});
}

/// The value without its format byte.
Result<std::optional<Bytes>> get(const Store& store, Table table, ByteView key) {
  std::optional<Bytes> value = TRY(store.get(table, key));
  if (!value) return value;
  if (value->empty() || value->front() != format_version) {
    return fail(Code::unsupported,
                base::format("the store's table {} holds a value of another format",
                             static_cast<int>(table)));
  }
  value->erase(value->begin());
  return value;
}

void add_history(WriteBatch& batch, codec::Mmr& history, const Hash& entry) {
  for (const codec::MmrNode& node : history.append(entry)) {
    put(batch, history_table, key_of(node.level, node.index), node.hash);
  }
  put(batch, Table::meta, base::to_bytes(history_key), history.encode());
}

}  // namespace

Result<std::optional<StoredBlock>> read_block(const Store& store, Height height) {
  const std::optional<Bytes> bytes = TRY(get(store, block_table, key_of(height.value)));
  const std::optional<Bytes> by = TRY(get(store, certificate_table, key_of(height.value)));
  if (!bytes || !by) return std::nullopt;
  codec::Reader reader(*bytes);
  StoredBlock stored;
  stored.block = TRY(codec::decode_block(reader));
  stored.certificate =
      std::make_shared<const codec::Certificate>(TRY(codec::decode_certificate(ByteView(*by))));
  return stored;
}

Result<std::optional<BlockSummary>> read_summary(const Store& store, Height height) {
  const std::optional<Bytes> bytes = TRY(get(store, header_table, key_of(height.value)));
  if (!bytes) return std::nullopt;
  codec::Reader reader(*bytes);
  BlockSummary summary;
  const ByteView header = TRY(reader.bytes(codec::header_bytes));
  summary.header = TRY(codec::decode_header(header));
  summary.transactions = TRY(reader.u32());
  summary.body_bytes = TRY(reader.u32());
  return summary;
}

Result<std::optional<codec::BlockHeader>> read_header(const Store& store, Height height) {
  const auto summary = TRY(read_summary(store, height));
  if (!summary) return std::nullopt;
  return summary->header;
}

Result<std::optional<codec::Certificate>> read_certificate(const Store& store, Height height) {
  const std::optional<Bytes> bytes = TRY(get(store, certificate_table, key_of(height.value)));
  if (!bytes) return std::nullopt;
  return TRY(codec::decode_certificate(ByteView(*bytes)));
}

Result<std::optional<std::uint64_t>> read_first_output(const Store& store, Height height) {
  const std::optional<Bytes> bytes = TRY(get(store, first_output_table, key_of(height.value)));
  if (!bytes) return std::nullopt;
  codec::Reader reader(*bytes);
  return TRY(reader.u64());
}

Result<std::optional<Height>> read_height(const Store& store, const Hash& digest) {
  const std::optional<Bytes> bytes = TRY(get(store, digest_table, digest));
  if (!bytes) return std::nullopt;
  codec::Reader reader(*bytes);
  return Height{TRY(reader.u64())};
}

Result<std::optional<codec::ValidatorSet>> read_validators(const Store& store, codec::Epoch epoch) {
  const std::optional<Bytes> bytes = TRY(get(store, validators_table, key_of(epoch.value)));
  if (!bytes) return std::nullopt;
  return TRY(codec::ValidatorSet::decode(*bytes));
}

Result<std::optional<TxPlace>> read_tx_place(const Store& store, const Hash& txid) {
  const std::optional<Bytes> bytes = TRY(get(store, tx_table, txid));
  if (!bytes) return std::nullopt;
  codec::Reader reader(*bytes);
  TxPlace place;
  place.height = {TRY(reader.u64())};
  place.index = TRY(reader.u32());
  return place;
}

Result<std::optional<FinalHeader>> read_epoch_end(const Store& store, codec::Epoch epoch) {
  const std::optional<Bytes> bytes = TRY(get(store, epoch_end_table, key_of(epoch.value)));
  if (!bytes) return std::nullopt;
  codec::Reader reader(*bytes);
  FinalHeader last;
  const ByteView header = TRY(reader.bytes(codec::header_bytes));
  last.header = TRY(codec::decode_header(header));
  last.certificate =
      std::make_shared<const codec::Certificate>(TRY(codec::decode_certificate(reader)));
  return last;
}

Result<std::optional<FinalHeader>> read_final(const Store& store, Height height,
                                              std::uint64_t epoch_blocks) {
  const auto header = TRY(read_header(store, height));
  auto certificate = TRY(read_certificate(store, height));
  if (header && certificate) {
    return FinalHeader{*header,
                       std::make_shared<const codec::Certificate>(*std::move(certificate))};
  }
  if (height.value == 0 || height.value % epoch_blocks != 0) return std::nullopt;
  return read_epoch_end(store, {height.value / epoch_blocks - 1});
}

Result<Height> read_floor(const Store& store) {
  const std::optional<Bytes> bytes = TRY(get(store, Table::meta, base::as_bytes(floor_key)));
  if (!bytes) return Height{1};
  codec::Reader reader(*bytes);
  return Height{TRY(reader.u64())};
}

Result<Hash> read_history_node(const Store& store, std::size_t level, std::uint64_t index) {
  const std::optional<Bytes> bytes = TRY(get(store, history_table, key_of(level, index)));
  Hash hash;
  if (!bytes || bytes->size() != hash.size()) {
    return fail(Code::not_found, base::format("no node {} of level {}", index, level));
  }
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

Result<codec::Mmr> read_history(const Store& store) {
  const std::optional<Bytes> bytes = TRY(get(store, Table::meta, base::as_bytes(history_key)));
  if (!bytes) return fail(Code::not_found, "the store has no history of blocks");
  return codec::Mmr::decode(*bytes);
}

void add_block(WriteBatch& batch, const StoredBlock& stored, codec::Mmr& history,
               const std::vector<Hash>& txids) {
  const codec::BlockHeader& header = stored.block->header();
  const Bytes height = key_of(header.height.value);
  Bytes bytes;
  codec::Writer writer(bytes);
  codec::encode(writer, *stored.block);
  put(batch, block_table, height, bytes);
  put(batch, certificate_table, height, codec::encode(*stored.certificate));
  Bytes summary = codec::encode(header);
  codec::Writer parts(summary);
  parts.u32(static_cast<std::uint32_t>(txids.size()));
  parts.u32(static_cast<std::uint32_t>(stored.block->body().size()));
  put(batch, header_table, height, summary);
  put(batch, digest_table, base::to_bytes(ByteView(stored.block->digest())), height);
  put(batch, first_output_table, height, key_of(batch.first_leaf));
  add_history(batch, history, stored.block->digest());
  for (std::size_t i = 0; i < txids.size(); ++i) {
    Bytes place = height;
    codec::Writer(place).u32(static_cast<std::uint32_t>(i));
    put(batch, tx_table, base::to_bytes(ByteView(txids[i])), place);
  }
}

void add_epoch_end(WriteBatch& batch, const FinalHeader& last) {
  Bytes value = codec::encode(last.header);
  base::append(value, codec::encode(*last.certificate));
  put(batch, epoch_end_table, key_of(last.header.epoch.value), value);
}

void add_floor(WriteBatch& batch, Height floor) {
  put(batch, Table::meta, base::to_bytes(floor_key), key_of(floor.value));
}

void add_snapshot_base(WriteBatch& batch, const Hash& genesis, const codec::BlockHeader& header,
                       codec::Mmr history) {
  // Proofs of what comes later need the peaks of what came before.
  std::uint64_t first = 0;
  const Bytes state = history.encode();
  codec::Reader reader(state);
  const std::uint64_t count = *reader.u64();
  for (std::size_t level = 63; level < 64; --level) {
    if ((count >> level & 1) == 0) continue;
    put(batch, history_table, key_of(level, first >> level), *reader.bytes(sizeof(Hash)));
    first += std::uint64_t{1} << level;
  }
  add_history(batch, history, codec::digest_of(header));
  put(batch, Table::meta, base::to_bytes(genesis_key), genesis);
  add_floor(batch, codec::next(header.height));
}

void remove_block(WriteBatch& batch, const StoredBlock& stored) {
  const auto remove = [&](Table table, Bytes key) {
    batch.records.push_back({table, std::move(key), std::nullopt});
  };
  const Bytes height = key_of(stored.block->header().height.value);
  remove(block_table, height);
  remove(certificate_table, height);
  remove(header_table, height);
  remove(first_output_table, height);
  remove(digest_table, base::to_bytes(ByteView(stored.block->digest())));
  const auto body = codec::decode_body(stored.block->body().view(), stored.block->body().size());
  if (!body) return;
  for (const codec::TxPtr& tx : body->transactions) {
    remove(tx_table, base::to_bytes(ByteView(tx->txid)));
    for (const codec::TxInput& input : tx->tx.inputs) {
      const auto outpoint = codec::encode(input.from);
      remove(Table::spent, Bytes(outpoint.begin(), outpoint.end()));
    }
  }
}

void add_validators(WriteBatch& batch, codec::Epoch epoch, const codec::ValidatorSet& validators) {
  put(batch, validators_table, key_of(epoch.value), validators.encode());
}

codec::ValidatorSet genesis_validators(const codec::Genesis& genesis) {
  std::vector<codec::Validator> validators;
  for (const codec::GenesisValidator& each : genesis.validators) {
    const codec::Weight weight = ledger::weight_of(genesis.params, each.stake);
    if (weight > 0) validators.push_back({each.key, weight});
  }
  auto set = codec::ValidatorSet::make(std::move(validators));
  ASSERT(set.has_value());
  return *std::move(set);
}

WriteBatch make_genesis_batch(const codec::Genesis& genesis, bool is_indexed) {
  WriteBatch batch = ledger::make_genesis_state(genesis).batch;
  const Hash hash = codec::genesis_hash(genesis);
  codec::Mmr history;
  add_history(batch, history, hash);
  put(batch, Table::meta, base::to_bytes(genesis_key), hash);
  add_validators(batch, {0}, genesis_validators(genesis));
  if (is_indexed) begin_index(batch, hash, genesis.outputs);
  return batch;
}

Result<bool> holds_chain(const Store& store, const Hash& genesis) {
  const std::optional<Bytes> bytes = TRY(get(store, Table::meta, base::as_bytes(genesis_key)));
  if (!bytes) return false;
  if (!base::equal(*bytes, genesis)) {
    return fail(Code::wrong_peer, base::format("the store holds the chain of genesis {}, not {}",
                                               base::to_hex(*bytes), base::to_hex(genesis)));
  }
  return true;
}

}  // namespace kith::node

#include "node/chain_index.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::node {

using codec::Hash;
using codec::OutPoint;
using ledger::Table;

namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::uint8_t later_format = 2;  // of the record under index_key: with a height
constexpr std::string_view index_key = "index";

Bytes key_of(const Hash& lock, const OutPoint& outpoint) {
  Bytes key(lock.begin(), lock.end());
  base::append(key, codec::encode(outpoint));
  return key;
}

/// Counted down, so that the newest comes first.
Bytes key_of(const Hash& lock, std::uint64_t height, std::uint32_t place) {
  Bytes key(lock.begin(), lock.end());
  codec::Writer writer(key);
  writer.u64(~height);
  writer.u32(~place);
  return key;
}

Bytes encode_entry(const OwnerEntry& entry) {
  Bytes value{format_version};
  codec::Writer writer(value);
  writer.bytes(entry.txid);
  writer.u64(entry.received);
  writer.u64(entry.spent);
  return value;
}

Result<OwnerEntry> decode_entry(ByteView key, ByteView value) {
  OwnerEntry entry;
  codec::Reader at(key.subspan(sizeof(Hash)));
  entry.height = {~TRY(at.u64())};
  entry.place = ~TRY(at.u32());
  TRY_VOID(at.finish());
  codec::Reader reader(value);
  if (TRY(reader.u8()) != format_version) {
    return fail(Code::io, "the index of addresses holds a record of another format");
  }
  std::ranges::copy(TRY(reader.bytes(sizeof(Hash))), entry.txid.begin());
  entry.received = TRY(reader.u64());
  entry.spent = TRY(reader.u64());
  TRY_VOID(reader.finish());
  return entry;
}

/// What transactions did to locks, of one block.
class Touched {
 public:
  Touched(codec::Height height, const std::vector<Hash>& txids) : height_(height) {
    for (std::size_t i = 0; i < txids.size(); ++i) {
      places_.emplace(txids[i], static_cast<std::uint32_t>(i));
    }
  }
  OwnerEntry& at(const Hash& lock, const Hash& txid) {
    const auto found = places_.find(txid);
    const std::uint32_t place = found == places_.end() ? system_place : found->second;
    OwnerEntry& entry = entries_[{lock, place}];
    entry.txid = txid;
    return entry;
  }
  void add_to(ledger::WriteBatch& batch) const {
    for (const auto& [key, entry] : entries_) {
      batch.records.push_back(
          {history_of_table, key_of(key.first, height_.value, key.second), encode_entry(entry)});
    }
  }

 private:
  codec::Height height_;
  std::map<Hash, std::uint32_t> places_;
  std::map<std::pair<Hash, std::uint32_t>, OwnerEntry> entries_;
};

bool is_of(ByteView key, const Hash& lock) {
  return key.size() > lock.size() && base::equal(key.first(lock.size()), lock);
}

}  // namespace

void add_owned(ledger::WriteBatch& batch, const Hash& lock, const OutPoint& outpoint) {
  batch.records.push_back({owned_table, key_of(lock, outpoint), Bytes{format_version}});
}

void add_index(ledger::WriteBatch& batch, const ledger::BlockState& state,
               const std::vector<Hash>& txids) {
  Touched touched(state.height(), txids);
  state.visit_changes(
      [&](const OutPoint& outpoint, const codec::Utxo& utxo, bool is_created, const Hash* spender) {
        const Hash& lock = utxo.output.lock;
        if (is_created) touched.at(lock, outpoint.txid).received += utxo.output.value;
        if (spender != nullptr) touched.at(lock, *spender).spent += utxo.output.value;
        if (is_created && spender == nullptr) add_owned(batch, lock, outpoint);
        if (!is_created && spender != nullptr) {
          batch.records.push_back({owned_table, key_of(lock, outpoint), std::nullopt});
        }
      });
  touched.add_to(batch);
}

void begin_index(ledger::WriteBatch& batch, const Hash& genesis,
                 const std::vector<codec::TxOutput>& outputs) {
  Touched touched({0}, {});
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    add_owned(batch, outputs[i].lock, {genesis, i});
    touched.at(outputs[i].lock, genesis).received += outputs[i].value;
  }
  touched.add_to(batch);
  batch.records.push_back({Table::meta, base::to_bytes(index_key), Bytes{format_version}});
}

void begin_index(ledger::WriteBatch& batch, codec::Height history_from) {
  Bytes value{later_format};
  codec::Writer(value).u64(history_from.value);
  batch.records.push_back({Table::meta, base::to_bytes(index_key), std::move(value)});
}

void end_index(ledger::WriteBatch& batch) {
  batch.records.push_back({Table::meta, base::to_bytes(index_key), std::nullopt});
}

Result<std::optional<codec::Height>> read_history_from(const ledger::Store& store) {
  const auto value = TRY(store.get(Table::meta, base::as_bytes(index_key)));
  if (!value) return std::nullopt;
  codec::Reader reader(*value);
  const std::uint8_t format = TRY(reader.u8());
  codec::Height from;
  if (format == later_format) from = {TRY(reader.u64())};
  TRY_VOID(reader.finish());
  if (format != format_version && format != later_format) {
    return fail(Code::unsupported, base::format("an index of addresses of format {}", format));
  }
  return from;
}

Result<std::vector<OutPoint>> read_owned(const ledger::Store& store, const Hash& lock,
                                         const std::optional<OutPoint>& after, std::size_t limit) {
  Bytes from(lock.begin(), lock.end());
  if (after) {
    from = key_of(lock, *after);
    from.push_back(0);  // the key that follows
  }
  std::vector<OutPoint> outputs;
  Result<void> read{};
  TRY(store.scan_from(owned_table, from, limit, [&](ByteView key, ByteView) {
    if (!read || !is_of(key, lock)) return;
    codec::Reader reader(key.subspan(lock.size()));
    OutPoint outpoint;
    const auto txid = reader.bytes(sizeof(Hash));
    const auto index = reader.u32();
    if (!txid || !index) {
      read = fail(Code::io, "the index of addresses holds a damaged key");
      return;
    }
    std::ranges::copy(*txid, outpoint.txid.begin());
    outpoint.index = *index;
    outputs.push_back(outpoint);
  }));
  TRY_VOID(read);
  return outputs;
}

Result<std::vector<OwnerEntry>> read_owner_history(const ledger::Store& store, const Hash& lock,
                                                   const std::optional<HistoryPlace>& before,
                                                   std::size_t limit) {
  Bytes from(lock.begin(), lock.end());
  if (before) {
    from = key_of(lock, before->height.value, before->place);
    from.push_back(0);
  }
  std::vector<OwnerEntry> entries;
  Result<void> read{};
  TRY(store.scan_from(history_of_table, from, limit, [&](ByteView key, ByteView value) {
    if (!read || !is_of(key, lock)) return;
    auto entry = decode_entry(key, value);
    if (!entry) {
      read = fail(entry.error());
      return;
    }
    entries.push_back(*entry);
  }));
  TRY_VOID(read);
  return entries;
}

}  // namespace kith::node

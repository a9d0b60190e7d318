#include "ledger/store.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

constexpr std::uint8_t spend_format = 2;

/// What does not decode is the store's fault, not that of whoever asked.
template <class T>
Result<std::optional<T>> found(const OutPoint& outpoint, Result<T> decoded) {
  if (decoded) return std::optional<T>(*std::move(decoded));
  return fail(Code::io, base::format("record of {} in the store: {}", to_text(outpoint),
                                     decoded.error().message));
}

}  // namespace

Bytes encode(const Spend& spend) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(spend_format);
  writer.bytes(spend.txid);
  writer.u64(spend.height.value);
  writer.bytes(codec::encode(spend.output));
  return bytes;
}

Result<Spend> decode_spend(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != spend_format) {
    return fail(Code::unsupported, base::format("spend in format {}", format));
  }
  Spend spend;
  std::ranges::copy(TRY(reader.bytes(32)), spend.txid.begin());
  spend.height = {TRY(reader.u64())};
  spend.output = TRY(codec::read_output(reader));
  TRY_VOID(reader.finish());
  return spend;
}

Result<std::optional<Utxo>> find_utxo(const Store& store, const OutPoint& outpoint) {
  const std::optional<Bytes> bytes = TRY(store.get(Table::utxo, codec::encode(outpoint)));
  if (!bytes) return std::nullopt;
  return found(outpoint, codec::decode_utxo(*bytes));
}

Result<std::optional<Spend>> find_spend(const Store& store, const OutPoint& outpoint) {
  const std::optional<Bytes> bytes = TRY(store.get(Table::spent, codec::encode(outpoint)));
  if (!bytes) return std::nullopt;
  return found(outpoint, decode_spend(*bytes));
}

Result<std::optional<Bytes>> Store::scan_from(Table table, ByteView from, std::size_t limit,
                                              const Visit& visit) const {
  std::optional<Bytes> next;
  TRY_VOID(scan(table, [&](ByteView key, ByteView value) {
    if (next || std::ranges::lexicographical_compare(key, from)) return;
    if (limit == 0) {
      next = base::to_bytes(key);
      return;
    }
    --limit;
    visit(key, value);
  }));
  return next;
}

Result<std::vector<Hash>> Store::leaves(std::uint64_t first, std::size_t count) const {
  return fail(Code::unsupported, base::format("no leaves {} to {} here", first, first + count));
}

}  // namespace kith::ledger

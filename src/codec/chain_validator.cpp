#include "codec/chain_validator.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t entry_version = 1;
enum class OrderKind : std::uint8_t { bond = 1, add_stake = 2, unbond = 3, unjail = 4 };

template <std::size_t size>
Result<std::array<std::uint8_t, size>> read_array(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(size));
  std::array<std::uint8_t, size> array;
  std::ranges::copy(bytes, array.begin());
  return array;
}

Result<Amount> read_amount(Reader& reader) {
  const Amount amount = TRY(reader.u64());
  if (amount > 0 && amount <= amount_max) return amount;
  return fail(Code::malformed, base::format("amount of {}", amount));
}

Result<void> check_entry(const ValidatorEntry& entry) {
  std::optional<Amount> sum = add(entry.stake, entry.rewards);
  std::uint64_t epoch = 0;
  for (const Unbonding& unbonding : entry.unbondings) {
    if (unbonding.epoch <= epoch || unbonding.amount == 0) {
      return fail(Code::malformed, "validator whose unbondings are out of order or of nothing");
    }
    epoch = unbonding.epoch;
    if (sum) sum = add(*sum, unbonding.amount);
  }
  if (!sum) return fail(Code::malformed, "validator whose amounts overflow");
  if (entry.uptime > 10'000) {
    return fail(Code::malformed, base::format("validator with an uptime of {}", entry.uptime));
  }
  return {};
}

}  // namespace

std::string_view name_of(ValidatorStatus status) {
  switch (status) {
    case ValidatorStatus::active: return "active";
    case ValidatorStatus::jailed: return "jailed";
    case ValidatorStatus::leaving: return "leaving";
    case ValidatorStatus::tombstoned: return "tombstoned";
  }
  UNREACHABLE();
}

Amount ValidatorEntry::bonded() const {
  Amount sum = stake;
  for (const Unbonding& unbonding : unbondings) sum += unbonding.amount;
  return sum;
}

Bytes encode_validator(const ValidatorEntry& entry) {
  ASSERT(entry.unbondings.size() <= unbondings_max);
  Bytes bytes;
  bytes.reserve(160 + 16 * entry.unbondings.size());
  Writer writer(bytes);
  writer.u8(entry_version);
  writer.bytes(entry.key);
  writer.bytes(entry.owner);
  writer.u8(static_cast<std::uint8_t>(entry.status));
  writer.u64(entry.stake);
  writer.u64(entry.weight);
  writer.u64(entry.weight_before);
  writer.u64(entry.joined);
  writer.u64(entry.jailed_until);
  writer.u32(entry.voted);
  writer.u32(entry.missed);
  writer.u16(entry.uptime);
  writer.u64(entry.voted_ever);
  writer.u64(entry.missed_ever);
  writer.u64(entry.rewards);
  writer.u8(static_cast<std::uint8_t>(entry.unbondings.size()));
  for (const Unbonding& unbonding : entry.unbondings) {
    writer.u64(unbonding.epoch);
    writer.u64(unbonding.amount);
  }
  return bytes;
}

Result<ValidatorEntry> decode_validator(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != entry_version) {
    return fail(Code::unsupported, base::format("validator of version {}", version));
  }
  ValidatorEntry entry;
  entry.key = TRY(read_array<32>(reader));
  entry.owner = TRY(read_array<32>(reader));
  const std::uint8_t status = TRY(reader.u8());
  if (status > static_cast<std::uint8_t>(ValidatorStatus::tombstoned)) {
    return fail(Code::malformed, base::format("validator of status {}", status));
  }
  entry.status = static_cast<ValidatorStatus>(status);
  entry.stake = TRY(reader.u64());
  entry.weight = TRY(reader.u64());
  entry.weight_before = TRY(reader.u64());
  entry.joined = TRY(reader.u64());
  entry.jailed_until = TRY(reader.u64());
  entry.voted = TRY(reader.u32());
  entry.missed = TRY(reader.u32());
  entry.uptime = TRY(reader.u16());
  entry.voted_ever = TRY(reader.u64());
  entry.missed_ever = TRY(reader.u64());
  entry.rewards = TRY(reader.u64());
  const std::size_t count = TRY(reader.u8());
  if (count > unbondings_max) {
    return fail(Code::too_large,
                base::format("validator of {} unbondings, limit {}", count, unbondings_max));
  }
  entry.unbondings.resize(count);
  for (Unbonding& unbonding : entry.unbondings) {
    unbonding.epoch = TRY(reader.u64());
    unbonding.amount = TRY(reader.u64());
  }
  TRY_VOID(reader.finish());
  TRY_VOID(check_entry(entry));
  return entry;
}

Hash validator_hash(const ValidatorEntry& entry) {
  return tagged_hash("kith/validator/1", {encode_validator(entry)});
}

Bytes encode_order(const ValidatorOrder& order) {
  Bytes bytes;
  Writer writer(bytes);
  const auto head = [&](OrderKind kind, const ChainKey& key) {
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.bytes(key);
  };
  if (const auto* bond = std::get_if<Bond>(&order)) {
    head(OrderKind::bond, bond->key);
    writer.bytes(bond->owner);
    writer.u64(bond->amount);
    writer.bytes(bond->proof);
  } else if (const auto* more = std::get_if<AddStake>(&order)) {
    head(OrderKind::add_stake, more->key);
    writer.u64(more->amount);
  } else if (const auto* less = std::get_if<Unbond>(&order)) {
    head(OrderKind::unbond, less->key);
    writer.u64(less->amount);
  } else {
    head(OrderKind::unjail, std::get<Unjail>(order).key);
  }
  return bytes;
}

Result<ValidatorOrder> decode_order(ByteView body) {
  Reader reader(body);
  const std::uint8_t kind = TRY(reader.u8());
  const ChainKey key = TRY(read_array<32>(reader));
  ValidatorOrder order;
  switch (static_cast<OrderKind>(kind)) {
    case OrderKind::bond: {
      Bond bond{.key = key};
      bond.owner = TRY(read_array<32>(reader));
      bond.amount = TRY(read_amount(reader));
      bond.proof = TRY(read_array<crypto::ed25519_signature_bytes>(reader));
      order = bond;
      break;
    }
    case OrderKind::add_stake: order = AddStake{key, TRY(read_amount(reader))}; break;
    case OrderKind::unbond: order = Unbond{key, TRY(read_amount(reader))}; break;
    case OrderKind::unjail: order = Unjail{key}; break;
    default: return fail(Code::unsupported, base::format("order {} to the validators", kind));
  }
  TRY_VOID(reader.finish());
  return order;
}

Hash bond_message(const Hash& genesis, const Bond& bond, const OutPoint& first) {
  return tagged_hash("kith/bond/1", {genesis, bond.key, bond.owner, encode(first)});
}

ValidatorOrder::ValidatorOrder(const ValidatorOrder&) = default;
ValidatorOrder& ValidatorOrder::operator=(const ValidatorOrder&) = default;
ValidatorOrder::ValidatorOrder(ValidatorOrder&&) noexcept = default;
ValidatorOrder& ValidatorOrder::operator=(ValidatorOrder&&) noexcept = default;
ValidatorOrder::~ValidatorOrder() = default;

}  // namespace kith::codec

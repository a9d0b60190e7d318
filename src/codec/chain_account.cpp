#include "codec/chain_account.h"

#include <algorithm>

#include "base/format.h"
#include "codec/account_name.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t entry_version = 1;

/// In transactions: never renumber.
enum class OrderKind : std::uint8_t {
  open = 1,
  add_bond = 2,
  take_bond = 3,
  change_key = 4,
  seal_name = 5,
  take_name = 6,
  add_worker = 7,
  drop_worker = 8,
  join_team = 9,
  open_team = 10,
};

template <std::size_t size>
Result<std::array<std::uint8_t, size>> read_array(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(size));
  std::array<std::uint8_t, size> array;
  std::ranges::copy(bytes, array.begin());
  return array;
}

Result<bool> read_flag(Reader& reader) {
  const std::uint8_t flag = TRY(reader.u8());
  if (flag > 1) return fail(Code::malformed, base::format("flag of {}", flag));
  return flag == 1;
}

Result<Amount> read_amount(Reader& reader) {
  const Amount amount = TRY(reader.u64());
  if (amount > 0 && amount <= amount_max) return amount;
  return fail(Code::malformed, base::format("amount of {}", amount));
}

Result<void> read_version(Reader& reader, const char* what) {
  const std::uint8_t version = TRY(reader.u8());
  if (version == entry_version) return {};
  return fail(Code::unsupported, base::format("{} of version {}", what, version));
}

void write_name(Writer& writer, std::string_view name) {
  writer.u8(static_cast<std::uint8_t>(name.size()));
  writer.bytes(base::as_bytes(name));
}

/// Not checked yet.
Result<std::string> read_name(Reader& reader) {
  const std::size_t size = TRY(reader.u8());
  if (size > name_bytes_max) {
    return fail(Code::malformed,
                base::format("name of {} characters, limit {}", size, name_bytes_max));
  }
  return std::string(base::as_text(TRY(reader.bytes(size))));
}

void write_unbondings(Writer& writer, const std::vector<Unbonding>& list) {
  writer.u8(static_cast<std::uint8_t>(list.size()));
  for (const Unbonding& unbonding : list) {
    writer.u64(unbonding.epoch);
    writer.u64(unbonding.amount);
  }
}

Result<std::vector<Unbonding>> read_unbondings(Reader& reader) {
  const std::size_t count = TRY(reader.u8());
  if (count > unbondings_max) {
    return fail(Code::too_large,
                base::format("account of {} unbondings, limit {}", count, unbondings_max));
  }
  std::vector<Unbonding> list(count);
  std::uint64_t epoch = 0;
  for (Unbonding& unbonding : list) {
    unbonding.epoch = TRY(reader.u64());
    unbonding.amount = TRY(reader.u64());
    if (unbonding.epoch <= epoch || unbonding.amount == 0) {
      return fail(Code::malformed, "account whose unbondings are out of order or of nothing");
    }
    epoch = unbonding.epoch;
  }
  return list;
}

Result<std::vector<ChainKey>> read_workers(Reader& reader) {
  const std::size_t count = TRY(reader.u8());
  if (count > account_workers_max) {
    return fail(Code::too_large,
                base::format("account of {} workers, limit {}", count, account_workers_max));
  }
  std::vector<ChainKey> workers(count);
  for (ChainKey& key : workers) key = TRY(read_array<32>(reader));
  if (std::ranges::adjacent_find(workers, std::greater_equal<>()) != workers.end()) {
    return fail(Code::malformed, "account whose workers are out of order or there twice");
  }
  return workers;
}

Result<void> check_entry(const AccountEntry& entry) {
  std::optional<Amount> sum = add(entry.bond, entry.earned);
  for (const Unbonding& unbonding : entry.unbondings) {
    if (sum) sum = add(*sum, unbonding.amount);
  }
  if (!sum) return fail(Code::malformed, "account whose amounts overflow");
  if (entry.held > entry.bond) {
    return fail(Code::malformed,
                base::format("account with {} held of a bond of {}", entry.held, entry.bond));
  }
  if (!entry.name.empty()) TRY_VOID(check_name(entry.name));
  if ((entry.seal == Hash{}) != (entry.sealed.value == 0)) {
    return fail(Code::malformed, "account with a seal of no height, or the reverse");
  }
  if (entry.is_closed() && (!entry.name.empty() || entry.sealed.value != 0 || entry.is_team ||
                            entry.team != AccountId{} || !entry.workers.empty())) {
    return fail(Code::malformed, "closed account that has more than money");
  }
  return {};
}

}  // namespace

AccountId account_id(const Hash& genesis, const ChainKey& first_key) {
  return tagged_hash("kith/account/1", {genesis, first_key});
}

Amount AccountEntry::owned() const {
  Amount sum = bond + earned;
  for (const Unbonding& unbonding : unbondings) sum += unbonding.amount;
  return sum;
}

Bytes encode_account(const AccountEntry& entry) {
  ASSERT(entry.unbondings.size() <= unbondings_max && entry.workers.size() <= account_workers_max &&
         entry.name.size() <= name_bytes_max);
  Bytes bytes;
  bytes.reserve(224 + 16 * entry.unbondings.size() + 32 * entry.workers.size());
  Writer writer(bytes);
  writer.u8(entry_version);
  writer.bytes(entry.key);
  writer.bytes(entry.lock);
  write_name(writer, entry.name);
  writer.bytes(entry.seal);
  writer.u64(entry.sealed.value);
  writer.u64(entry.bond);
  writer.u64(entry.held);
  write_unbondings(writer, entry.unbondings);
  writer.u64(entry.earned);
  writer.u8(entry.is_team ? 1 : 0);
  writer.bytes(entry.team);
  writer.u8(static_cast<std::uint8_t>(entry.workers.size()));
  for (const ChainKey& key : entry.workers) writer.bytes(key);
  return bytes;
}

Result<AccountEntry> decode_account(ByteView bytes) {
  Reader reader(bytes);
  TRY_VOID(read_version(reader, "account"));
  AccountEntry entry;
  entry.key = TRY(read_array<32>(reader));
  entry.lock = TRY(read_array<32>(reader));
  entry.name = TRY(read_name(reader));
  entry.seal = TRY(read_array<32>(reader));
  entry.sealed = {TRY(reader.u64())};
  entry.bond = TRY(reader.u64());
  entry.held = TRY(reader.u64());
  entry.unbondings = TRY(read_unbondings(reader));
  entry.earned = TRY(reader.u64());
  entry.is_team = TRY(read_flag(reader));
  entry.team = TRY(read_array<32>(reader));
  entry.workers = TRY(read_workers(reader));
  TRY_VOID(reader.finish());
  TRY_VOID(check_entry(entry));
  return entry;
}

Bytes encode_name(const NameEntry& entry) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(entry_version);
  writer.bytes(entry.account);
  writer.u64(entry.free_from.value);
  return bytes;
}

Result<NameEntry> decode_name(ByteView bytes) {
  Reader reader(bytes);
  TRY_VOID(read_version(reader, "name"));
  NameEntry entry;
  entry.account = TRY(read_array<32>(reader));
  entry.free_from = {TRY(reader.u64())};
  TRY_VOID(reader.finish());
  return entry;
}

Bytes encode_worker(const WorkerEntry& entry) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(entry_version);
  writer.bytes(entry.account);
  writer.u8(entry.device_class);
  return bytes;
}

Result<WorkerEntry> decode_worker(ByteView bytes) {
  Reader reader(bytes);
  TRY_VOID(read_version(reader, "worker"));
  WorkerEntry entry;
  entry.account = TRY(read_array<32>(reader));
  entry.device_class = TRY(reader.u8());
  TRY_VOID(reader.finish());
  return entry;
}

namespace {

/// Writes what follows the kind.
struct WriteOrder {
  Writer& writer;

  void head(OrderKind kind, const AccountId& account) const {
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.bytes(account);
  }
  void operator()(const OpenAccount& order) const {
    head(OrderKind::open, order.lock);
    writer.u64(order.amount);
    writer.bytes(order.seal);
  }
  void operator()(const AddBond& order) const {
    head(OrderKind::add_bond, order.account);
    writer.u64(order.amount);
  }
  void operator()(const TakeBond& order) const {
    head(OrderKind::take_bond, order.account);
    writer.u64(order.amount);
  }
  void operator()(const ChangeKey& order) const {
    head(OrderKind::change_key, order.account);
    writer.bytes(order.key);
    writer.bytes(order.proof);
  }
  void operator()(const SealName& order) const {
    head(OrderKind::seal_name, order.account);
    writer.bytes(order.seal);
  }
  void operator()(const TakeName& order) const {
    head(OrderKind::take_name, order.account);
    writer.bytes(order.salt);
    write_name(writer, order.name);
  }
  void operator()(const AddWorker& order) const {
    head(OrderKind::add_worker, order.account);
    writer.bytes(order.worker);
    writer.u8(order.device_class);
    writer.bytes(order.proof);
  }
  void operator()(const DropWorker& order) const {
    head(OrderKind::drop_worker, order.account);
    writer.bytes(order.worker);
  }
  void operator()(const JoinTeam& order) const {
    head(OrderKind::join_team, order.account);
    writer.bytes(order.team);
  }
  void operator()(const OpenTeam& order) const {
    head(OrderKind::open_team, order.account);
    writer.u8(order.is_team ? 1 : 0);
  }
};

Result<AccountOrder> read_open(Reader& reader, const Hash& lock) {
  OpenAccount order{.lock = lock};
  order.amount = TRY(read_amount(reader));
  order.seal = TRY(read_array<32>(reader));
  return order;
}

Result<AccountOrder> read_change_key(Reader& reader, const AccountId& account) {
  ChangeKey order{.account = account};
  order.key = TRY(read_array<32>(reader));
  order.proof = TRY(read_array<crypto::ed25519_signature_bytes>(reader));
  return order;
}

Result<AccountOrder> read_take_name(Reader& reader, const AccountId& account) {
  TakeName order;
  order.account = account;
  order.salt = TRY(read_array<32>(reader));
  order.name = TRY(read_name(reader));
  TRY_VOID(check_name(order.name));
  return order;
}

Result<AccountOrder> read_add_worker(Reader& reader, const AccountId& account) {
  AddWorker order{.account = account};
  order.worker = TRY(read_array<32>(reader));
  order.device_class = TRY(reader.u8());
  order.proof = TRY(read_array<crypto::ed25519_signature_bytes>(reader));
  return order;
}

Result<AccountOrder> read_order(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  if (kind < static_cast<std::uint8_t>(OrderKind::open) ||
      kind > static_cast<std::uint8_t>(OrderKind::open_team)) {
    return fail(Code::unsupported, base::format("order {} to the accounts", kind));
  }
  const Hash first = TRY(read_array<32>(reader));  // a lock, else the account
  switch (static_cast<OrderKind>(kind)) {
    case OrderKind::open: return read_open(reader, first);
    case OrderKind::add_bond: return AddBond{first, TRY(read_amount(reader))};
    case OrderKind::take_bond: return TakeBond{first, TRY(read_amount(reader))};
    case OrderKind::change_key: return read_change_key(reader, first);
    case OrderKind::seal_name: return SealName{first, TRY(read_array<32>(reader))};
    case OrderKind::take_name: return read_take_name(reader, first);
    case OrderKind::add_worker: return read_add_worker(reader, first);
    case OrderKind::drop_worker: return DropWorker{first, TRY(read_array<32>(reader))};
    case OrderKind::join_team: return JoinTeam{first, TRY(read_array<32>(reader))};
    case OrderKind::open_team: return OpenTeam{first, TRY(read_flag(reader))};
  }
  UNREACHABLE();
}

}  // namespace

Bytes encode_account_order(const AccountOrder& order) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(WriteOrder{writer}, order);
  return bytes;
}

Result<AccountOrder> decode_account_order(ByteView body) {
  Reader reader(body);
  AccountOrder order = TRY(read_order(reader));
  TRY_VOID(reader.finish());
  return order;
}

Hash name_seal(const AccountId& account, const Hash& salt, std::string_view name) {
  Bytes named;
  Writer writer(named);
  write_name(writer, name);
  return tagged_hash("kith/name-seal/1", {account, salt, named});
}

Hash change_key_message(const Hash& genesis, const ChangeKey& order, const OutPoint& first) {
  return tagged_hash("kith/account-key/1", {genesis, order.account, order.key, encode(first)});
}

Hash add_worker_message(const Hash& genesis, const AddWorker& order, const OutPoint& first) {
  return tagged_hash("kith/worker/1", {genesis, order.account, order.worker, encode(first)});
}

std::optional<SignatureJob> proof_job(const AccountOrder& order, const Hash& genesis,
                                      const OutPoint& first) {
  if (const auto* change = std::get_if<ChangeKey>(&order)) {
    return SignatureJob{change->key, change_key_message(genesis, *change, first), change->proof};
  }
  if (const auto* add = std::get_if<AddWorker>(&order)) {
    return SignatureJob{add->worker, add_worker_message(genesis, *add, first), add->proof};
  }
  return std::nullopt;
}

AccountOrder::AccountOrder(const AccountOrder&) = default;
AccountOrder& AccountOrder::operator=(const AccountOrder&) = default;
AccountOrder::AccountOrder(AccountOrder&&) noexcept = default;
AccountOrder& AccountOrder::operator=(AccountOrder&&) noexcept = default;
AccountOrder::~AccountOrder() = default;

}  // namespace kith::codec

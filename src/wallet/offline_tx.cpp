#include "wallet/offline_tx.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_params.h"
#include "codec/writer.h"
#include "crypto/ed25519_zip215.h"
#include "wallet/amount_text.h"

namespace kith::wallet {
namespace {

using codec::Amount;
using codec::Reader;
using codec::Writer;

constexpr std::string_view magic = "kith-tx";
constexpr std::uint8_t format = 1;
constexpr std::uint8_t no_path = 0xff;
constexpr std::size_t path_bytes = 1 + 4;

void write_path(Writer& writer, const std::optional<KeyPath>& path) {
  writer.u8(path ? static_cast<std::uint8_t>(path->chain) : no_path);
  writer.u32(path ? path->index : 0);
}

Result<std::optional<KeyPath>> read_path(Reader& reader) {
  const std::uint8_t chain = TRY(reader.u8());
  const std::uint32_t index = TRY(reader.u32());
  if (chain == no_path && index == 0) return std::nullopt;
  if (chain >= key_chains || index > hd_index_max) {
    return fail(Code::malformed, base::format("a key of chain {} at {}", chain, index));
  }
  return KeyPath{static_cast<KeyChain>(chain), index};
}

Result<void> read_paths(Reader& reader, std::size_t count,
                        std::vector<std::optional<KeyPath>>& paths) {
  if (count * path_bytes > reader.remaining()) {
    return fail(Code::truncated,
                base::format("{} places of keys in {} bytes", count, reader.remaining()));
  }
  paths.reserve(count);
  for (std::size_t i = 0; i < count; ++i) paths.push_back(TRY(read_path(reader)));
  return {};
}

Result<void> check_sums(const OfflineTx& file) {
  std::optional<Amount> in = 0;
  for (const Amount value : file.values) {
    if (in) in = codec::add(*in, value);
  }
  std::optional<Amount> out = codec::add(file.tx.fee, TRY(bonded_by(file.tx)));
  for (const codec::TxOutput& output : file.tx.outputs) {
    if (out) out = codec::add(*out, output.value);
  }
  if (in && out && *in == *out) return {};
  if (!in || !out) return fail(Code::malformed, "the values of the inputs or outputs overflow");
  return fail(Code::malformed,
              base::format("inputs of {}, but outputs, fee and bonds of {}", *in, *out));
}

bool is_hrp(std::string_view hrp) {
  return !hrp.empty() && hrp.size() <= codec::hrp_bytes_max && std::ranges::all_of(hrp, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

Bytes encode_offline_tx(const OfflineTx& file) {
  Bytes bytes;
  Writer writer(bytes);
  writer.bytes(base::as_bytes(magic));
  writer.u8(format);
  writer.bytes(file.genesis);
  writer.u8(static_cast<std::uint8_t>(file.hrp.size()));
  writer.bytes(base::as_bytes(file.hrp));
  const Bytes tx = codec::encode_transaction(file.tx);
  writer.u32(static_cast<std::uint32_t>(tx.size()));
  writer.bytes(tx);
  for (const Amount value : file.values) writer.u64(value);
  for (const auto& path : file.signers) write_path(writer, path);
  for (const auto& path : file.own_outputs) write_path(writer, path);
  return bytes;
}

Result<OfflineTx> decode_offline_tx(ByteView bytes) {
  if (bytes.size() > offline_tx_bytes_max) {
    return fail(Code::too_large, base::format("transaction file of {} bytes, limit {}",
                                              bytes.size(), offline_tx_bytes_max));
  }
  if (!base::as_text(bytes).starts_with(magic)) {
    return fail(Code::malformed, "this is no transaction file of kith");
  }
  Reader reader(bytes.subspan(magic.size()));
  const std::uint8_t version = TRY(reader.u8());
  if (version != format) {
    return fail(Code::unsupported, base::format("transaction file of version {}; this program "
                                                "reads version {}",
                                                version, format));
  }
  OfflineTx file;
  std::ranges::copy(TRY(reader.bytes(file.genesis.size())), file.genesis.begin());
  const std::size_t hrp_bytes = TRY(reader.u8());
  file.hrp = base::as_text(TRY(reader.bytes(hrp_bytes)));
  if (!is_hrp(file.hrp)) {
    return fail(Code::malformed, base::format("an address prefix of {} bytes", hrp_bytes));
  }
  const std::size_t tx_bytes = TRY(reader.u32());
  const ByteView tx = TRY(reader.bytes(tx_bytes));
  file.tx = TRY(codec::decode_transaction(tx));
  file.values.resize(file.tx.inputs.size());
  for (Amount& value : file.values) {
    value = TRY(reader.u64());
    if (value == 0) return fail(Code::malformed, "an input of value 0");
  }
  TRY_VOID(read_paths(reader, file.tx.witnesses.size(), file.signers));
  TRY_VOID(read_paths(reader, file.tx.outputs.size(), file.own_outputs));
  TRY_VOID(reader.finish());
  TRY_VOID(check_sums(file));
  return file;
}

Result<Amount> bonded_by(const codec::Transaction& tx) {
  std::optional<Amount> bonded = 0;
  for (const codec::TxAction& action : tx.actions) {
    const Amount taken = taken_by(TRY(order_of(action)));
    if (bonded) bonded = codec::add(*bonded, taken);
  }
  if (!bonded) return fail(Code::malformed, "what is bonded overflows");
  return *bonded;
}

Result<std::size_t> sign_offline(OfflineTx& file, const HdKey& account) {
  std::vector<crypto::KeyPair> pairs;
  for (std::size_t i = 0; i < file.signers.size(); ++i) {
    if (!file.signers[i]) {
      // Not an address': the wallet signs for its accounts by keys that stand in no window.
      if (auto pair = find_signer(account, file.tx.witnesses[i].key)) {
        pairs.push_back(*std::move(pair));
      }
      continue;
    }
    auto pair = key_at(account, *file.signers[i]);
    if (chain_key_of(pair) != file.tx.witnesses[i].key) {
      return fail(Code::bad_key,
                  base::format("the transaction wants the signature of {}, which is not the "
                               "wallet's key at the place that it names",
                               base::to_hex(file.tx.witnesses[i].key)));
    }
    pairs.push_back(std::move(pair));
  }
  for (const crypto::KeyPair& pair : pairs) codec::sign(file.tx, pair, file.genesis);
  return pairs.size();
}

std::vector<codec::ChainKey> unsigned_by(const OfflineTx& file) {
  std::vector<codec::ChainKey> missing;
  for (const codec::SignatureJob& job : codec::signature_jobs(file.tx, file.genesis)) {
    if (!crypto::verify_zip215(job.key, job.message, job.signature)) missing.push_back(job.key);
  }
  return missing;
}

Result<TxSummary> summarize(const OfflineTx& file, const HdKey* account) {
  TxSummary summary;
  for (std::size_t i = 0; i < file.tx.outputs.size(); ++i) {
    const codec::TxOutput& output = file.tx.outputs[i];
    const auto& path = file.own_outputs[i];
    const bool is_own = account != nullptr && path &&
                        codec::lock_of(chain_key_of(key_at(*account, *path))) == output.lock;
    if (is_own) {
      summary.back += output.value;
    } else {
      summary.paid.push_back({output.lock, output.value});
    }
  }
  for (const codec::TxAction& action : file.tx.actions) {
    summary.orders.push_back(TRY(order_of(action)));
  }
  summary.bonded = TRY(bonded_by(file.tx));
  summary.fee = file.tx.fee;
  summary.bytes = codec::encoded_size(file.tx);
  return summary;
}

Result<void> check_fee(Amount fee, Amount fee_max) {
  if (fee <= fee_max) return {};
  return fail(Code::refused, base::format("the fee is {} coins, above {}; --max-fee allows more",
                                          format_coins(fee), format_coins(fee_max)));
}

}  // namespace kith::wallet

#include "codec/chain_tx.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_account.h"
#include "codec/chain_job.h"
#include "codec/chain_validator.h"
#include "codec/writer.h"
#include "crypto/ed25519_zip215.h"

namespace kith::codec {
namespace {

constexpr std::size_t header_bytes = 1 + 8 + 8;
constexpr std::size_t counts_bytes = 2 + 2 + 1 + 2;
constexpr std::size_t input_bytes = outpoint_bytes + 2;
constexpr std::size_t action_header_bytes = 1 + 2 + 4;
constexpr std::size_t witness_key_bytes = 1 + 32;

template <class T, std::size_t size>
Result<std::array<T, size>> read_array(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(size));
  std::array<T, size> array;
  std::ranges::copy(bytes, array.begin());
  return array;
}

template <class T>
Result<void> check_count(const char* what, const T& list, std::size_t limit) {
  if (list.size() <= limit) return {};
  return fail(Code::too_large,
              base::format("transaction of {} {}, limit {}", list.size(), what, limit));
}

Result<void> check_output(const TxOutput& output) {
  if (output.version != output_version) {
    return fail(Code::unsupported, base::format("output of version {}", output.version));
  }
  if (output.lock_kind != lock_key_hash) {
    return fail(Code::unsupported, base::format("output with lock kind {}", output.lock_kind));
  }
  if (output.value == 0) return fail(Code::malformed, "output of value 0");
  if (output.value > amount_max) {
    return fail(Code::malformed,
                base::format("output of value {}, which is above all that can be", output.value));
  }
  return {};
}

Result<void> check_amounts(const Transaction& tx) {
  std::optional<Amount> sum = add(0, tx.fee);
  for (const TxOutput& output : tx.outputs) {
    TRY_VOID(check_output(output));
    if (sum) sum = add(*sum, output.value);
  }
  if (!sum) return fail(Code::malformed, "outputs and fee overflow");
  return {};
}

Result<void> check_inputs(const Transaction& tx) {
  if (tx.inputs.empty()) return fail(Code::malformed, "transaction without inputs");
  const auto twice = [](const OutPoint& outpoint) {
    return fail(Code::malformed, base::format("input {} twice", to_text(outpoint)));
  };
  constexpr std::size_t few = 8;  // comparing each with each is cheaper than sorting a copy
  if (tx.inputs.size() <= few) {
    for (std::size_t i = 1; i < tx.inputs.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (tx.inputs[i].from == tx.inputs[j].from) return twice(tx.inputs[i].from);
      }
    }
    return {};
  }
  std::vector<OutPoint> sorted;
  sorted.reserve(tx.inputs.size());
  for (const TxInput& input : tx.inputs) sorted.push_back(input.from);
  std::ranges::sort(sorted);
  const auto found = std::ranges::adjacent_find(sorted);
  return found == sorted.end() ? Result<void>() : twice(*found);
}

Result<void> check_witnesses(const Transaction& tx) {
  for (std::size_t i = 0; i < tx.witnesses.size(); ++i) {
    const TxWitness& witness = tx.witnesses[i];
    if (witness.key_type != witness_ed25519) {
      return fail(Code::unsupported, base::format("witness of key type {}", witness.key_type));
    }
    if (i > 0 && !(tx.witnesses[i - 1].key < witness.key)) {
      const char* what = tx.witnesses[i - 1].key == witness.key ? "twice" : "out of order";
      return fail(Code::malformed,
                  base::format("witness key {} {}", base::to_hex(witness.key), what));
    }
  }
  std::vector<bool> is_used(tx.witnesses.size());
  const auto use = [&](std::uint16_t witness) -> Result<void> {
    if (witness >= is_used.size()) {
      return fail(Code::malformed,
                  base::format("witness {} named, of {}", witness, is_used.size()));
    }
    is_used[witness] = true;
    return {};
  };
  for (const TxInput& input : tx.inputs) TRY_VOID(use(input.witness));
  for (const TxAction& action : tx.actions) {
    if (action.witness != TxAction::no_witness) TRY_VOID(use(action.witness));
  }
  const auto unused = std::ranges::find(is_used, false);
  if (unused == is_used.end()) return {};
  return fail(Code::malformed, base::format("witness {} unused", unused - is_used.begin()));
}

void write_signed_part(Writer& writer, const Transaction& tx) {
  writer.u8(tx.version);
  writer.u64(tx.expiry);
  writer.u64(tx.fee);
  writer.u16(static_cast<std::uint16_t>(tx.inputs.size()));
  for (const TxInput& input : tx.inputs) {
    writer.bytes(input.from.txid);
    writer.u32(input.from.index);
    writer.u16(input.witness);
  }
  writer.u16(static_cast<std::uint16_t>(tx.outputs.size()));
  for (const TxOutput& output : tx.outputs) writer.bytes(encode(output));
  writer.u8(static_cast<std::uint8_t>(tx.actions.size()));
  for (const TxAction& action : tx.actions) {
    writer.u8(action.module);
    writer.u16(action.witness);
    writer.u32(static_cast<std::uint32_t>(action.body.size()));
    writer.bytes(action.body);
  }
  writer.u16(static_cast<std::uint16_t>(tx.witnesses.size()));
  for (const TxWitness& witness : tx.witnesses) {
    writer.u8(witness.key_type);
    writer.bytes(witness.key);
  }
}

Hash txid_of_signed_part(ByteView signed_part) { return tagged_hash("kith/txid/1", {signed_part}); }

/// Over the txid rather than all bytes anew: it covers the same and hashes each byte once.
Hash wtxid_of_parts(const Hash& txid, ByteView signatures) {
  return tagged_hash("kith/wtxid/1", {txid, signatures});
}

void write_signatures(Writer& writer, const Transaction& tx) {
  for (const TxWitness& witness : tx.witnesses) writer.bytes(witness.signature);
}

Result<std::size_t> read_count(Reader& reader, const char* what, std::size_t limit,
                               std::size_t bytes_each) {
  const std::size_t count = TRY(reader.u16());
  if (count > limit) {
    return fail(Code::too_large,
                base::format("transaction of {} {}, limit {}", count, what, limit));
  }
  if (count * bytes_each > reader.remaining()) {
    return fail(Code::truncated,
                base::format("transaction of {} {} in {} bytes", count, what, reader.remaining()));
  }
  return count;
}

/// What an order brings beside its witness' signature: a proof, or the statements that it carries.
/// Of one that cannot be read nothing: it is refused where it is obeyed.
std::vector<SignatureJob> proofs_of(const TxAction& action, const Hash& genesis,
                                    const OutPoint& first) {
  if (action.module == module_validators) {
    const Result<ValidatorOrder> order = decode_order(action.body);
    const Bond* bond = order ? std::get_if<Bond>(&*order) : nullptr;
    if (bond == nullptr) return {};
    return {{bond->key, bond_message(genesis, *bond, first), bond->proof}};
  }
  if (action.module == module_accounts) {
    const Result<AccountOrder> order = decode_account_order(action.body);
    const auto proof = order ? proof_job(*order, genesis, first) : std::nullopt;
    return proof ? std::vector{*proof} : std::vector<SignatureJob>();
  }
  if (action.module == module_jobs) {
    const Result<JobOrder> order = decode_job_order(action.body);
    return order ? signature_jobs(*order, genesis) : std::vector<SignatureJob>();
  }
  return {};
}

Result<std::vector<TxAction>> read_actions(Reader& reader) {
  const std::size_t count = TRY(reader.u8());
  if (count > tx_actions_max) {
    return fail(Code::too_large,
                base::format("transaction of {} actions, limit {}", count, tx_actions_max));
  }
  std::vector<TxAction> actions(count);
  for (TxAction& action : actions) {
    action.module = TRY(reader.u8());
    action.witness = TRY(reader.u16());
    const std::size_t size = TRY(reader.u32());
    if (size > tx_action_bytes_max) {
      return fail(Code::too_large,
                  base::format("action of {} bytes, limit {}", size, tx_action_bytes_max));
    }
    action.body = base::to_bytes(TRY(reader.bytes(size)));
  }
  return actions;
}

/// Those of a verdict are no signature_jobs(), for whose they are depends on the state; to verify
/// they cost as much.
std::size_t signatures_in(ByteView job_order) {
  if (const std::size_t carried = carried_by(job_order); carried > 0) return carried;
  const Result<JobOrder> order = decode_job_order(job_order);
  const auto* const verdict = order ? std::get_if<GiveVerdict>(&*order) : nullptr;
  return verdict == nullptr ? 0 : verdict->signatures.size();
}

}  // namespace

Hash lock_of(const ChainKey& key) { return crypto::sha256(key); }

std::array<std::uint8_t, outpoint_bytes> encode(const OutPoint& outpoint) {
  std::array<std::uint8_t, outpoint_bytes> bytes;
  std::ranges::copy(outpoint.txid, bytes.begin());
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[32 + i] = static_cast<std::uint8_t>(outpoint.index >> (24 - 8 * i));
  }
  return bytes;
}

std::string to_text(const OutPoint& outpoint) {
  return base::format("{}:{}", base::to_hex(outpoint.txid), outpoint.index);
}

std::array<std::uint8_t, output_bytes> encode(const TxOutput& output) {
  std::array<std::uint8_t, output_bytes> bytes;
  bytes[0] = output.version;
  bytes[1] = output.lock_kind;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[2 + i] = static_cast<std::uint8_t>(output.value >> (56 - 8 * i));
  }
  std::ranges::copy(output.lock, bytes.begin() + 10);
  return bytes;
}

Result<TxOutput> read_output(Reader& reader) {
  TxOutput output;
  output.version = TRY(reader.u8());
  output.lock_kind = TRY(reader.u8());
  output.value = TRY(reader.u64());
  output.lock = TRY((read_array<std::uint8_t, 32>(reader)));
  TRY_VOID(check_output(output));
  return output;
}

Result<void> check_form(const Transaction& tx) {
  if (tx.version != tx_version) {
    return fail(Code::unsupported, base::format("transaction of version {}", tx.version));
  }
  TRY_VOID(check_count("inputs", tx.inputs, tx_inputs_max));
  TRY_VOID(check_count("outputs", tx.outputs, tx_outputs_max));
  TRY_VOID(check_count("actions", tx.actions, tx_actions_max));
  TRY_VOID(check_count("witnesses", tx.witnesses, tx_witnesses_max));
  for (const TxAction& action : tx.actions) {
    if (action.body.size() > tx_action_bytes_max) {
      return fail(Code::too_large, base::format("action of {} bytes, limit {}", action.body.size(),
                                                tx_action_bytes_max));
    }
  }
  if (const std::size_t size = encoded_size(tx); size > tx_bytes_max) {
    return fail(Code::too_large,
                base::format("transaction of {} bytes, limit {}", size, tx_bytes_max));
  }
  if (tx.outputs.empty() && tx.actions.empty()) {
    return fail(Code::malformed, "transaction without outputs and actions");
  }
  TRY_VOID(check_inputs(tx));
  TRY_VOID(check_amounts(tx));
  return check_witnesses(tx);
}

std::size_t encoded_size(const Transaction& tx) {
  std::size_t size = header_bytes + counts_bytes + tx.inputs.size() * input_bytes +
                     tx.outputs.size() * output_bytes +
                     tx.witnesses.size() * (witness_key_bytes + crypto::ed25519_signature_bytes);
  for (const TxAction& action : tx.actions) size += action_header_bytes + action.body.size();
  return size;
}

Bytes encode_signed_part(const Transaction& tx) {
  Bytes bytes;
  bytes.reserve(encoded_size(tx));
  Writer writer(bytes);
  write_signed_part(writer, tx);
  return bytes;
}

Bytes encode_transaction(const Transaction& tx) {
  Bytes bytes = encode_signed_part(tx);
  Writer writer(bytes);
  write_signatures(writer, tx);
  return bytes;
}

Result<Transaction> read_transaction(Reader& reader) {
  Transaction tx;
  tx.version = TRY(reader.u8());
  if (tx.version != tx_version) {
    return fail(Code::unsupported, base::format("transaction of version {}", tx.version));
  }
  tx.expiry = TRY(reader.u64());
  tx.fee = TRY(reader.u64());
  tx.inputs.resize(TRY(read_count(reader, "inputs", tx_inputs_max, input_bytes)));
  for (TxInput& input : tx.inputs) {
    input.from.txid = TRY((read_array<std::uint8_t, 32>(reader)));
    input.from.index = TRY(reader.u32());
    input.witness = TRY(reader.u16());
  }
  const std::size_t outputs = TRY(read_count(reader, "outputs", tx_outputs_max, output_bytes));
  tx.outputs.reserve(outputs);
  for (std::size_t i = 0; i < outputs; ++i) tx.outputs.push_back(TRY(read_output(reader)));
  tx.actions = TRY(read_actions(reader));
  const std::size_t witnesses = TRY(read_count(
      reader, "witnesses", tx_witnesses_max, witness_key_bytes + crypto::ed25519_signature_bytes));
  tx.witnesses.resize(witnesses);
  for (TxWitness& witness : tx.witnesses) {
    witness.key_type = TRY(reader.u8());
    witness.key = TRY((read_array<std::uint8_t, 32>(reader)));
  }
  for (TxWitness& witness : tx.witnesses) {
    witness.signature = TRY((read_array<std::uint8_t, crypto::ed25519_signature_bytes>(reader)));
  }
  TRY_VOID(check_form(tx));
  return tx;
}

Result<Transaction> decode_transaction(ByteView bytes) {
  if (bytes.size() > tx_bytes_max) {
    return fail(Code::too_large,
                base::format("transaction of {} bytes, limit {}", bytes.size(), tx_bytes_max));
  }
  Reader reader(bytes);
  Transaction tx = TRY(read_transaction(reader));
  TRY_VOID(reader.finish());
  return tx;
}

Hash txid_of(const Transaction& tx) { return txid_of_signed_part(encode_signed_part(tx)); }

Hash wtxid_of(const Transaction& tx) {
  const Bytes bytes = encode_transaction(tx);
  const std::size_t cut = tx.witnesses.size() * crypto::ed25519_signature_bytes;
  const ByteView all = bytes;
  return wtxid_of_parts(txid_of_signed_part(all.first(all.size() - cut)), all.last(cut));
}

Hash sighash_of(const Transaction& tx, const Hash& genesis) {
  return tagged_hash("kith/tx/1", {genesis, encode_signed_part(tx)});
}

std::vector<SignatureJob> signature_jobs(const Transaction& tx, const Hash& genesis) {
  const Hash message = sighash_of(tx, genesis);
  std::vector<SignatureJob> jobs;
  jobs.reserve(tx.witnesses.size());
  for (const TxWitness& witness : tx.witnesses) {
    jobs.push_back({witness.key, message, witness.signature});
  }
  if (tx.inputs.empty()) return jobs;
  for (const TxAction& action : tx.actions) {
    const std::vector<SignatureJob> proofs = proofs_of(action, genesis, tx.inputs[0].from);
    jobs.insert(jobs.end(), proofs.begin(), proofs.end());
  }
  return jobs;
}

std::size_t signatures_of(const Transaction& tx) {
  std::size_t count = tx.witnesses.size();
  for (const TxAction& action : tx.actions) {
    count += action.module == module_jobs ? signatures_in(action.body) : 1;
  }
  return count;
}

Result<void> verify_signatures(const Transaction& tx, const Hash& genesis) {
  for (const SignatureJob& job : signature_jobs(tx, genesis)) {
    if (crypto::verify_zip215(job.key, job.message, job.signature)) continue;
    return fail(Code::bad_signature,
                base::format("signature of {} does not verify", base::to_hex(job.key)));
  }
  return {};
}

void sign(Transaction& tx, const crypto::KeyPair& key, const Hash& genesis) {
  const Bytes raw = key.public_key().data;
  const auto own = std::ranges::find_if(
      tx.witnesses, [&](const TxWitness& witness) { return base::equal(witness.key, raw); });
  ASSERT(own != tx.witnesses.end());
  own->signature = key.sign(sighash_of(tx, genesis));
}

TxPtr seal(Transaction tx) {
  SealedTx sealed;
  const Bytes bytes = encode_transaction(tx);
  const std::size_t cut = tx.witnesses.size() * crypto::ed25519_signature_bytes;
  const ByteView all = bytes;
  sealed.txid = txid_of_signed_part(all.first(all.size() - cut));
  sealed.wtxid = wtxid_of_parts(sealed.txid, all.last(cut));
  sealed.bytes = bytes.size();
  sealed.tx = std::move(tx);
  return std::make_shared<const SealedTx>(std::move(sealed));
}

}  // namespace kith::codec

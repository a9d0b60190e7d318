#include "codec/chain_record.h"

#include "codec/chain_job_bytes.h"
#include "codec/chain_job_check.h"
#include "crypto/ed25519_zip215.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t record_version = 1;

/// Up to the worker's own word.
void write_agreed(Writer& writer, const Record& record) {
  writer.u8(record_version);
  writer.bytes(record.genesis);
  writer.u64(record.job.value);
  writer.u64(record.task.value);
  writer.u8(record.pass);
  writer.bytes(record.account);
  writer.bytes(record.worker);
  writer.u8(record.device_class);
  writer.u32(record.slot.value);
  writer.u64(record.round);
  writer.bytes(record.root);
  writer.u8(static_cast<std::uint8_t>(record.checkers.size()));
  for (const SlotId checker : record.checkers) writer.u32(checker.value);
  writer.u16(record.checked);
  writer.bytes(record.seed);
}

void write_signed(Writer& writer, const Record& record) {
  write_agreed(writer, record);
  writer.u64(record.time);
  writer.u16(static_cast<std::uint16_t>(record.statistics.size()));
  writer.bytes(record.statistics);
}

Result<void> read_agreed(Reader& reader, Record& record) {
  record.genesis = TRY(read_hash(reader));
  record.job = {TRY(reader.u64())};
  record.task = {TRY(reader.u64())};
  record.pass = TRY(read_within<std::uint8_t>(reader, "pass", 1, 2));
  record.account = TRY(read_hash(reader));
  record.worker = TRY(read_hash(reader));
  record.device_class = TRY(reader.u8());
  record.slot = {TRY(reader.u32())};
  record.round = TRY(reader.u64());
  record.root = TRY(read_hash(reader));
  const std::size_t checkers = TRY(read_count(reader, "checkers", task_parts_max));
  if (checkers == 0) return fail(Code::malformed, "record that nobody checked");
  for (std::size_t i = 0; i < checkers; ++i) record.checkers.push_back({TRY(reader.u32())});
  record.checked = TRY(read_within<std::uint16_t>(reader, "checked units", 1, job_units_max));
  if (parts_of(record.checked) != checkers) {
    return fail(Code::malformed, base::format("{} units in {} parts", record.checked, checkers));
  }
  record.seed = TRY(read_hash(reader));
  return {};
}

}  // namespace

Bytes encode_record(const Record& record) {
  ASSERT(record.statistics.size() <= record_statistics_bytes_max);
  Bytes bytes;
  Writer writer(bytes);
  write_signed(writer, record);
  writer.bytes(record.signature);
  return bytes;
}

Result<Record> decode_record(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != record_version) {
    return fail(Code::unsupported, base::format("no record that is known here: it begins with {}, "
                                                "a record with {}",
                                                version, record_version));
  }
  Record record;
  TRY_VOID(read_agreed(reader, record));
  record.time = TRY(reader.u64());
  const std::size_t size = TRY(reader.u16());
  if (size > record_statistics_bytes_max) {
    return fail(Code::too_large, base::format("statistics of {} bytes, limit {}", size,
                                              record_statistics_bytes_max));
  }
  record.statistics = base::to_bytes(TRY(reader.bytes(size)));
  record.signature = TRY(read_array_of<crypto::ed25519_signature_bytes>(reader));
  TRY_VOID(reader.finish());
  return record;
}

Hash record_hash(const Record& record) {
  Bytes bytes;
  Writer writer(bytes);
  write_agreed(writer, record);
  return tagged_hash("kith/record/1", {bytes});
}

Hash record_message(const Record& record) {
  Bytes bytes;
  Writer writer(bytes);
  write_signed(writer, record);
  return tagged_hash("kith/record-signature/1", {bytes});
}

Cid cid_of(const Record& record) {
  Bytes multihash;
  append_multihash(multihash, HashCode::sha2_256, crypto::sha256(encode_record(record)));
  auto cid = Cid::make(codec_raw, multihash);
  ASSERT(cid.has_value());
  return *std::move(cid);
}

Result<void> verify_record(const Record& record) {
  return crypto::verify_zip215(record.worker, record_message(record), record.signature);
}

Result<void> verify_record(const Record& record, const Hash& root, const MerkleProof& proof) {
  TRY_VOID(verify_record(record));
  return verify_merkle_proof(root, record_hash(record), proof);
}

}  // namespace kith::codec

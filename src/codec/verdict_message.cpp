#include "codec/verdict_message.h"

#include "base/format.h"
#include "codec/chain_job_bytes.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t message_version = 1;

}  // namespace

Bytes encode(const SaidVerdict& said) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(message_version);
  writer.u64(said.dispute);
  writer.bytes(said.digest);
  writer.bytes(said.validator);
  writer.bytes(said.signature);
  writer.u32(said.repeat);
  return bytes;
}

Result<SaidVerdict> decode_said_verdict(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != message_version) {
    return fail(Code::unsupported, base::format("a verdict's message of version {}", version));
  }
  SaidVerdict said;
  said.dispute = TRY(reader.u64());
  said.digest = TRY(read_hash(reader));
  said.validator = TRY(read_hash(reader));
  said.signature = TRY(read_array_of<crypto::ed25519_signature_bytes>(reader));
  said.repeat = TRY(reader.u32());
  TRY_VOID(reader.finish());
  return said;
}

}  // namespace kith::codec

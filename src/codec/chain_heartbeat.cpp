#include "codec/chain_heartbeat.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t message_version = 1;
constexpr std::uint8_t kind_heartbeat = 1;
constexpr std::uint8_t kind_attestation = 2;

void write(Writer& writer, const Heartbeat& heartbeat) {
  writer.bytes(heartbeat.key);
  writer.u64(heartbeat.slot);
  writer.u64(heartbeat.height.value);
  writer.bytes(heartbeat.digest);
  writer.bytes(heartbeat.signature);
}

template <std::size_t n>
Result<void> read_into(Reader& reader, std::array<std::uint8_t, n>& target) {
  std::ranges::copy(TRY(reader.bytes(n)), target.begin());
  return {};
}

Result<Heartbeat> read_heartbeat(Reader& reader) {
  Heartbeat heartbeat;
  TRY_VOID(read_into(reader, heartbeat.key));
  heartbeat.slot = TRY(reader.u64());
  heartbeat.height = {TRY(reader.u64())};
  TRY_VOID(read_into(reader, heartbeat.digest));
  TRY_VOID(read_into(reader, heartbeat.signature));
  return heartbeat;
}

Bytes number(std::uint64_t value) {
  Bytes bytes;
  Writer(bytes).u64(value);
  return bytes;
}

}  // namespace

Bytes encode(const HeartbeatMessage& message) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(message_version);
  if (const auto* const heartbeat = std::get_if<Heartbeat>(&message)) {
    writer.u8(kind_heartbeat);
    write(writer, *heartbeat);
    return bytes;
  }
  const auto& attestation = std::get<Attestation>(message);
  writer.u8(kind_attestation);
  write(writer, attestation.heartbeat);
  writer.bytes(attestation.witness);
  writer.bytes(attestation.signature);
  return bytes;
}

Result<HeartbeatMessage> decode_heartbeat_message(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  const std::uint8_t kind = TRY(reader.u8());
  if (version != message_version || (kind != kind_heartbeat && kind != kind_attestation)) {
    return fail(Code::unsupported,
                base::format("heartbeat message of version {} and kind {}", version, kind));
  }
  const Heartbeat heartbeat = TRY(read_heartbeat(reader));
  if (kind == kind_heartbeat) {
    TRY_VOID(reader.finish());
    return heartbeat;
  }
  Attestation attestation{heartbeat, {}, {}};
  TRY_VOID(read_into(reader, attestation.witness));
  TRY_VOID(read_into(reader, attestation.signature));
  TRY_VOID(reader.finish());
  return attestation;
}

Hash heartbeat_hash(const Hash& genesis, const Heartbeat& heartbeat) {
  return tagged_hash("kith/heartbeat/1", {genesis, heartbeat.key, number(heartbeat.slot),
                                          number(heartbeat.height.value), heartbeat.digest});
}

Hash attestation_hash(const Hash& genesis, const Hash& heartbeat) {
  return tagged_hash("kith/attestation/1", {genesis, heartbeat});
}

std::vector<ValidatorKey> witnesses_of(const Hash& heartbeat, const ValidatorSet& active,
                                       std::size_t count) {
  std::vector<std::pair<Hash, ValidatorKey>> drawn;
  drawn.reserve(active.size());
  for (const Validator& validator : active.all()) {
    drawn.emplace_back(tagged_hash("kith/witness/1", {heartbeat, validator.key}), validator.key);
  }
  const std::size_t taken = std::min(count, drawn.size());
  std::ranges::partial_sort(drawn, drawn.begin() + static_cast<std::ptrdiff_t>(taken));
  std::vector<ValidatorKey> keys;
  for (std::size_t i = 0; i < taken; ++i) keys.push_back(drawn[i].second);
  return keys;
}

}  // namespace kith::codec

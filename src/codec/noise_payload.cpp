#include "codec/noise_payload.h"

#include "base/format.h"
#include "codec/pb_wire.h"
#include "codec/public_key.h"

namespace kith::codec {

namespace {

// NoiseHandshakePayload and, within it, NoiseExtensions.
constexpr std::uint32_t identity_key_field = 1;
constexpr std::uint32_t identity_sig_field = 2;
constexpr std::uint32_t extensions_field = 4;
constexpr std::uint32_t stream_muxers_field = 2;

Result<void> decode_extensions(ByteView bytes, NoisePayload& payload) {
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) {
    if (field->number != stream_muxers_field) continue;
    if (payload.stream_muxers.size() == noise_muxers_max) {
      return fail(Code::malformed,
                  base::format("noise payload with over {} muxers", noise_muxers_max));
    }
    const ByteView muxer = TRY(field->as_bytes("stream muxer", noise_payload_bytes_max));
    payload.stream_muxers.emplace_back(base::as_text(muxer));
  }
  return {};
}

// The payload is what a peer vouches for itself with: a second key or signature would leave it to
// the reader which of them counts.
Result<void> take_once(std::optional<ByteView>& slot, const PbField& field, std::string_view what) {
  if (slot) return fail(Code::malformed, base::format("noise payload with two of: {}", what));
  slot = TRY(field.as_bytes(what, noise_payload_bytes_max));
  return {};
}

}  // namespace

Bytes encode_noise_payload(const NoisePayload& payload) {
  Bytes bytes;
  append_pb_bytes(bytes, identity_key_field, encode_public_key(payload.identity_key));
  append_pb_bytes(bytes, identity_sig_field, payload.identity_signature);
  if (!payload.stream_muxers.empty()) {
    Bytes extensions;
    for (const std::string& muxer : payload.stream_muxers) {
      append_pb_bytes(extensions, stream_muxers_field, muxer);
    }
    append_pb_bytes(bytes, extensions_field, extensions);
  }
  return bytes;
}

Result<NoisePayload> decode_noise_payload(ByteView bytes) {
  if (bytes.size() > noise_payload_bytes_max) {
    return fail(Code::malformed, base::format("noise payload of {} bytes, limit {}", bytes.size(),
                                              noise_payload_bytes_max));
  }
  std::optional<ByteView> key;
  std::optional<ByteView> signature;
  std::optional<ByteView> extensions;
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) {
    if (field->number == identity_key_field) {
      TRY_VOID(take_once(key, *field, "identity key"));
    } else if (field->number == identity_sig_field) {
      TRY_VOID(take_once(signature, *field, "identity signature"));
    } else if (field->number == extensions_field) {
      TRY_VOID(take_once(extensions, *field, "extensions"));
    }
  }
  if (!key) return fail(Code::malformed, "noise payload without identity key");
  if (!signature || signature->empty()) {
    return fail(Code::malformed, "noise payload without identity signature");
  }
  if (signature->size() > crypto::signature_bytes_max) {
    return fail(Code::malformed, base::format("identity signature of {} bytes, limit {}",
                                              signature->size(), crypto::signature_bytes_max));
  }
  NoisePayload payload;
  payload.identity_key = TRY(decode_public_key(*key));
  payload.identity_signature = base::to_bytes(*signature);
  if (extensions) TRY_VOID(decode_extensions(*extensions, payload));
  return payload;
}

}  // namespace kith::codec

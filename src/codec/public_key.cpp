#include "codec/public_key.h"

#include "base/format.h"
#include "codec/pb_wire.h"

namespace kith::codec {

namespace {

constexpr std::uint32_t type_field = 1;
constexpr std::uint32_t data_field = 2;

Result<crypto::KeyType> key_type_of(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(crypto::KeyType::ecdsa)) {
    return fail(Code::unsupported, base::format("public key of unknown type {}", number));
  }
  return static_cast<crypto::KeyType>(number);
}

Result<PbField> expect_field(PbReader& reader, std::uint32_t number) {
  const auto field = TRY(reader.next());
  if (!field) {
    return fail(Code::malformed, base::format("public key without field {}", number));
  }
  if (field->number != number) {
    return fail(Code::malformed,
                base::format("public key has field {} where {} belongs", field->number, number));
  }
  return *field;
}

}  // namespace

Bytes encode_public_key(const crypto::PublicKey& key) {
  Bytes bytes;
  bytes.reserve(key.data.size() + 5);
  append_pb_varint(bytes, type_field, static_cast<std::uint64_t>(key.type));
  append_pb_bytes(bytes, data_field, key.data);
  return bytes;
}

Result<crypto::PublicKey> decode_public_key(ByteView bytes) {
  if (bytes.size() > public_key_message_bytes_max) {
    return fail(Code::too_large, base::format("public key message of {} bytes, limit {}",
                                              bytes.size(), public_key_message_bytes_max));
  }
  PbReader reader(bytes);
  const PbField type = TRY(expect_field(reader, type_field));
  const PbField data = TRY(expect_field(reader, data_field));
  if (TRY(reader.next())) return fail(Code::malformed, "public key with more than two fields");

  crypto::PublicKey key;
  const std::uint64_t type_number = TRY(type.as_varint("public key type"));
  key.type = TRY(key_type_of(type_number));
  const ByteView raw = TRY(data.as_bytes("public key", crypto::public_key_bytes_max));
  key.data.assign(raw.begin(), raw.end());
  // Fields in order can still have padded varints; the bytes are hashed, so only one form counts.
  if (!base::equal(encode_public_key(key), bytes)) {
    return fail(Code::malformed, "public key not in its shortest encoding");
  }
  return key;
}

}  // namespace kith::codec

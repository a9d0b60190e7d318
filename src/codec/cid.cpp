#include "codec/cid.h"

#include "base/format.h"
#include "codec/multibase.h"
#include "codec/printable.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {

namespace {

constexpr std::size_t v0_bytes = 34;
constexpr std::size_t v0_characters = 46;

/// Version 1 begins with 0x01, so that the head of a sha2-256 multihash says version 0.
bool is_v0(ByteView bytes) { return bytes.size() >= 2 && bytes[0] == 0x12 && bytes[1] == 0x20; }

}  // namespace

Result<Cid> Cid::make(std::uint64_t codec, ByteView multihash) {
  if (codec >> 63 != 0) {
    return fail(Code::too_large, base::format("CID codec {:#x} has more than 63 bits", codec));
  }
  (void)TRY(decode_multihash(multihash));
  Cid cid;
  Writer writer(cid.bytes_);
  writer.varint(1);
  writer.varint(codec);
  cid.codec_ = codec;
  cid.version_ = 1;
  cid.multihash_offset_ = static_cast<std::uint8_t>(cid.bytes_.size());
  writer.bytes(multihash);
  return cid;
}

Result<Cid> Cid::decode(ByteView bytes) {
  if (bytes.size() > cid_bytes_max) {
    return fail(Code::too_large,
                base::format("CID of {} bytes, limit {}", bytes.size(), cid_bytes_max));
  }
  if (is_v0(bytes)) {
    if (bytes.size() != v0_bytes) {
      return fail(Code::malformed, base::format("CIDv0 of {} bytes, not 34", bytes.size()));
    }
    Cid cid;
    cid.bytes_ = base::to_bytes(bytes);
    cid.codec_ = codec_dag_pb;
    return cid;
  }
  Reader reader(bytes);
  const std::uint64_t version = TRY(reader.varint());
  if (version == 0) return fail(Code::malformed, "CIDv0 in the form of CIDv1");
  if (version != 1) return fail(Code::unsupported, base::format("CID version {}", version));
  const std::uint64_t codec = TRY(reader.varint());
  return make(codec, reader.rest());
}

Result<Cid> Cid::parse(std::string_view text) {
  if (text.size() == v0_characters && text.starts_with("Qm")) {
    const Bytes v0 = TRY(decode_base(Multibase::base58btc, text, v0_bytes));
    return decode(v0);
  }
  const Bytes bytes = TRY(decode_multibase(text, cid_bytes_max));
  if (is_v0(bytes)) {
    return fail(Code::malformed,
                base::format("CIDv0 with a multibase prefix: {}", printable(text)));
  }
  return decode(bytes);
}

std::string Cid::to_string() const {
  return version_ == 0 ? encode_base(Multibase::base58btc, bytes_)
                       : encode_multibase(Multibase::base32, bytes_);
}

}  // namespace kith::codec

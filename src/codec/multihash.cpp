#include "codec/multihash.h"

#include <optional>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {

namespace {

/// The digest's length where the function fixes it.
std::optional<std::size_t> digest_bytes(HashCode code) {
  switch (code) {
    case HashCode::identity: return std::nullopt;
    case HashCode::sha2_256: return 32;
    case HashCode::sha2_512: return 64;
  }
  UNREACHABLE();
}

Result<HashCode> hash_code(std::uint64_t number) {
  for (const HashCode code : {HashCode::identity, HashCode::sha2_256, HashCode::sha2_512}) {
    if (number == static_cast<std::uint64_t>(code)) return code;
  }
  return fail(Code::unsupported, base::format("multihash function {:#x}", number));
}

}  // namespace

Result<Multihash> decode_multihash(ByteView bytes) {
  if (bytes.size() > multihash_bytes_max) {
    return fail(Code::too_large,
                base::format("multihash of {} bytes, limit {}", bytes.size(), multihash_bytes_max));
  }
  Reader reader(bytes);
  const std::uint64_t number = TRY(reader.varint());
  const HashCode code = TRY(hash_code(number));
  const ByteView digest = TRY(reader.sized(multihash_bytes_max));
  TRY_VOID(reader.finish());
  if (digest.size() != digest_bytes(code).value_or(digest.size())) {
    return fail(Code::malformed, base::format("multihash {:#x} with a digest of {} bytes",
                                              static_cast<std::uint64_t>(code), digest.size()));
  }
  return Multihash{code, digest};
}

void append_multihash(Bytes& to, HashCode code, ByteView digest) {
  ASSERT(digest.size() == digest_bytes(code).value_or(digest.size()));
  Writer writer(to);
  writer.varint(static_cast<std::uint64_t>(code));
  writer.sized(digest);
}

}  // namespace kith::codec

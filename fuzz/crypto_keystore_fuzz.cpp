// decode_identity_key() over any bytes. What decodes must encode to the same bytes again: the
// format has one form for each key. The first byte chooses between no passphrase and one; the cost
// is capped so that a run stays fast. Most inputs die at the checksum, so one byte asks for it to
// be made right.
#include "base/rng.h"
#include "crypto/hash.h"
#include "crypto/keystore.h"

using namespace kith;

namespace {

constexpr std::string_view checksum_prefix = "sha256: ";

Bytes with_right_checksum(ByteView body) {
  Bytes file = base::to_bytes(body);
  const auto checksum = crypto::sha256(body);
  base::append(file, base::as_bytes(checksum_prefix));
  base::append(file, base::as_bytes(base::to_hex(checksum) + "\n"));
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  const ByteView body(data + 1, size - 1);
  const Bytes file = choice & 1 ? with_right_checksum(body) : base::to_bytes(body);
  const auto passphrase =
      choice & 2 ? std::optional<std::string_view>("correct horse") : std::nullopt;
  const auto decoded = crypto::decode_identity_key(file, passphrase, crypto::KdfCost{1, 64});
  const bool needs_passphrase = crypto::needs_passphrase(file);
  if (!decoded) {
    ASSERT(!decoded.error().message.empty());
    ASSERT(decoded.error().code != Code::passphrase || needs_passphrase);
    return 0;
  }
  if (needs_passphrase) return 0;
  SeededRng rng(1);
  ASSERT(crypto::encode_identity_key(*decoded, std::nullopt, rng) == file);
  return 0;
}

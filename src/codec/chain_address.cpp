#include "codec/chain_address.h"

#include <algorithm>

#include "base/format.h"
#include "codec/bech32m.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t address_version = 0;

}  // namespace

std::string encode_address(std::string_view hrp, const Hash& lock) {
  Bech32m parts{std::string(hrp), {address_version}};
  const auto values = five_bits_of(lock);
  parts.values.insert(parts.values.end(), values.begin(), values.end());
  return encode_bech32m(parts);
}

Result<Hash> decode_address(std::string_view hrp, std::string_view text) {
  const Bech32m parts = TRY(decode_bech32m(text));
  if (parts.prefix != hrp) {
    return fail(Code::malformed,
                base::format("address of network \"{}\", here is \"{}\"", parts.prefix, hrp));
  }
  if (parts.values.empty()) return fail(Code::malformed, "address without a version");
  if (parts.values[0] != address_version) {
    return fail(Code::unsupported, base::format("address of version {}", parts.values[0]));
  }
  const Bytes bytes = TRY(bytes_of_five_bits(std::span(parts.values).subspan(1)));
  Hash lock;
  if (bytes.size() != lock.size()) {
    return fail(Code::malformed, base::format("address of {} bytes, not 32", bytes.size()));
  }
  std::ranges::copy(bytes, lock.begin());
  return lock;
}

}  // namespace kith::codec

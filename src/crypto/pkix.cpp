#include "crypto/pkix.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/format.h"
#include "crypto/key.h"

namespace kith::crypto {
namespace {

constexpr std::uint8_t tag_integer = 0x02;
constexpr std::uint8_t tag_bit_string = 0x03;
constexpr std::uint8_t tag_null = 0x05;
constexpr std::uint8_t tag_object_id = 0x06;
constexpr std::uint8_t tag_sequence = 0x30;

// 1.2.840.113549.1.1.1 and 1.2.840.10045.2.1
constexpr std::uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr std::uint8_t oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
// 1.2.840.10045.3.1.7, 1.3.132.0.34 and 1.3.132.0.35
constexpr std::uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t oid_p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t oid_p521[] = {0x2b, 0x81, 0x04, 0x00, 0x23};

constexpr std::size_t rsa_exponent_bits_max = 31;

struct Curve {
  ByteView oid;
  std::size_t coordinate_bytes;
};
constexpr Curve curves[] = {{oid_p256, 32}, {oid_p384, 48}, {oid_p521, 66}};

/// Takes the length's bytes from the front. DER has one form for each length, the shortest.
std::optional<std::size_t> take_length(ByteView& rest) {
  if (rest.empty()) return std::nullopt;
  const std::uint8_t first = rest[0];
  rest = rest.subspan(1);
  if (first < 0x80) return first;
  const std::size_t count = first & 0x7f;
  if (count < 1 || count > 2 || rest.size() < count) return std::nullopt;  // 64 KiB is plenty
  std::size_t length = 0;
  for (const std::uint8_t byte : rest.first(count)) length = length * 256 + byte;
  rest = rest.subspan(count);
  if (length < (count == 1 ? 0x80U : 0x100U)) return std::nullopt;
  return length;
}

/// Takes one element with `tag` from the front and gives its content.
std::optional<ByteView> take(ByteView& rest, std::uint8_t tag) {
  if (rest.empty() || rest[0] != tag) return std::nullopt;
  rest = rest.subspan(1);
  const auto length = take_length(rest);
  if (!length || *length > rest.size()) return std::nullopt;
  const ByteView content = rest.first(*length);
  rest = rest.subspan(*length);
  return content;
}

/// Takes a positive INTEGER and gives its bytes without a leading zero.
std::optional<ByteView> take_positive(ByteView& rest) {
  const auto content = take(rest, tag_integer);
  if (!content || content->empty() || (*content)[0] >= 0x80) return std::nullopt;
  if ((*content)[0] != 0) return content;
  // A zero in front is there to keep the number positive, and for nothing else.
  if (content->size() < 2 || (*content)[1] < 0x80) return std::nullopt;
  return content->subspan(1);
}

std::size_t bits_of(ByteView number) {
  return 8 * number.size() - static_cast<std::size_t>(std::countl_zero(number[0]));
}

bool is_odd(ByteView number) { return number.back() % 2 == 1; }

/// The two parts of a SubjectPublicKeyInfo.
struct KeyInfo {
  ByteView algorithm;  // content of the AlgorithmIdentifier
  ByteView key;        // the BIT STRING's bytes
};

Result<KeyInfo> read_key_info(ByteView der, const char* kind) {
  if (der.size() > public_key_bytes_max) {
    return fail(Code::bad_key, base::format("{} public key of {} bytes, limit {}", kind, der.size(),
                                            public_key_bytes_max));
  }
  auto info = take(der, tag_sequence);
  if (info && der.empty()) {
    const auto algorithm = take(*info, tag_sequence);
    const auto bits = algorithm ? take(*info, tag_bit_string) : std::nullopt;
    // The first byte of a BIT STRING counts the unused bits of the last.
    if (bits && info->empty() && !bits->empty() && (*bits)[0] == 0) {
      return KeyInfo{*algorithm, bits->subspan(1)};
    }
  }
  return fail(Code::bad_key, base::format("{} public key is not a PKIX key in DER", kind));
}

}  // namespace

Result<void> check_rsa_pkix(ByteView der) {
  KeyInfo info = TRY(read_key_info(der, "RSA"));
  const auto oid = take(info.algorithm, tag_object_id);
  if (!oid || !base::equal(*oid, oid_rsa)) {
    return fail(Code::bad_key, "RSA public key whose algorithm is not rsaEncryption");
  }
  const auto parameters = take(info.algorithm, tag_null);
  auto numbers = take(info.key, tag_sequence);
  if (!parameters || !parameters->empty() || !info.algorithm.empty() || !numbers ||
      !info.key.empty()) {
    return fail(Code::bad_key, "RSA public key with wrong parameters or without its two numbers");
  }
  const auto modulus = take_positive(*numbers);
  const auto exponent = modulus ? take_positive(*numbers) : std::nullopt;
  if (!exponent || !numbers->empty()) {
    return fail(Code::bad_key, "RSA public key without a positive modulus and exponent");
  }
  const std::size_t bits = bits_of(*modulus);
  if (bits < rsa_key_bits_min || bits > rsa_key_bits_max) {
    return fail(Code::bad_key, base::format("RSA key of {} bits, not {} to {}", bits,
                                            rsa_key_bits_min, rsa_key_bits_max));
  }
  const bool is_one = exponent->size() == 1 && exponent->front() == 1;
  if (!is_odd(*modulus) || !is_odd(*exponent) || is_one ||
      bits_of(*exponent) > rsa_exponent_bits_max) {
    return fail(Code::bad_key, base::format("RSA key with an even modulus or a bad exponent 0x{}",
                                            base::to_hex(*exponent)));
  }
  return {};
}

Result<void> check_ecdsa_pkix(ByteView der) {
  KeyInfo info = TRY(read_key_info(der, "ECDSA"));
  const auto oid = take(info.algorithm, tag_object_id);
  const auto curve_oid = oid ? take(info.algorithm, tag_object_id) : std::nullopt;
  if (!curve_oid || !info.algorithm.empty() || !base::equal(*oid, oid_ec)) {
    return fail(Code::bad_key, "ECDSA public key that does not name an elliptic curve");
  }
  const auto* curve = std::ranges::find_if(
      curves, [&](const Curve& known) { return base::equal(known.oid, *curve_oid); });
  if (curve == std::end(curves)) {
    return fail(Code::bad_key,
                base::format("ECDSA public key on an unknown curve (object id {}); known are "
                             "P-256, P-384 and P-521",
                             base::to_hex(*curve_oid)));
  }
  const std::size_t point_bytes = 1 + 2 * curve->coordinate_bytes;
  if (info.key.size() != point_bytes || info.key[0] != 0x04) {
    return fail(Code::bad_key, base::format("ECDSA point of {} bytes, not 04 and {} more",
                                            info.key.size(), point_bytes - 1));
  }
  return {};
}

}  // namespace kith::crypto

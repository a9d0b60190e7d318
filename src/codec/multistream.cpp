#include "codec/multistream.h"

#include "base/format.h"
#include "codec/varint.h"

namespace kith::codec {

namespace {

/// Varint of the largest length that is allowed: two bytes.
constexpr std::size_t length_bytes_max = 2;

Error too_large(std::uint64_t size) {
  return {Code::too_large, base::format("multistream message of {} bytes, limit {}", size,
                                        multistream_message_bytes_max)};
}

}  // namespace

void append_multistream(Bytes& to, std::string_view text) {
  ASSERT(text.size() < multistream_message_bytes_max);
  append_varint(to, text.size() + 1);
  base::append(to, base::as_bytes(text));
  to.push_back('\n');
}

Result<std::optional<MultistreamMessage>> peek_multistream(ByteView bytes) {
  const std::optional<Varint> length = TRY(peek_varint(bytes));
  if (!length) {
    // Two bytes that both say "more follows": already at least 16384, or not minimal.
    if (bytes.size() >= length_bytes_max) return fail(too_large(std::uint64_t{1} << 14));
    return std::nullopt;
  }
  if (length->value == 0) return fail(Code::malformed, "multistream message of length 0");
  if (length->value > multistream_message_bytes_max) return fail(too_large(length->value));
  const auto body_size = static_cast<std::size_t>(length->value);
  if (bytes.size() - length->size < body_size) return std::nullopt;
  const std::string_view body = base::as_text(bytes.subspan(length->size, body_size));
  if (body.back() != '\n') {
    return fail(
        Code::malformed,
        base::format("multistream message of {} bytes without a newline at its end", body_size));
  }
  return MultistreamMessage{body.substr(0, body_size - 1), length->size + body_size};
}

}  // namespace kith::codec

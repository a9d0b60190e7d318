// Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), by hand: enough for the
// libp2p messages that are signed, hashed or hot. A reader walks the fields of one message in
// place; the message's codec says which fields it knows, and passes over the others.
//
// Deviations: groups are refused (nothing in libp2p has them, and skipping them is how parsers
// recurse to death); so are field number 0, numbers over 2^29 - 1, and varints over 64 bits.
// Limits: the caller caps a message before reading it; a reader gives at most pb_fields_max fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

/// On the wire: never renumber.
enum class PbType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

inline constexpr std::uint32_t pb_field_number_max = (1u << 29) - 1;
inline constexpr std::size_t pb_varint_bytes_max = 10;
/// An empty field takes two bytes: without a limit a 64 KiB message makes a reader turn 32,768
/// times over nothing.
inline constexpr std::size_t pb_fields_max = 16384;

struct PbField {
  std::uint32_t number = 0;
  PbType type = PbType::varint;
  std::uint64_t value = 0;  // varint, fixed64, fixed32
  ByteView bytes;           // PbType::bytes; into the message

  /// `malformed` when the field has another type; `what` names it in the sentence.
  Result<std::uint64_t> as_varint(std::string_view what) const;
  /// The same, and `too_large` over `bytes_max`.
  Result<ByteView> as_bytes(std::string_view what, std::size_t bytes_max) const;
};

class PbReader {
 public:
  explicit PbReader(ByteView message) : rest_(message) {}

  /// The next field, empty at the end. After an error the reader must not be used again.
  Result<std::optional<PbField>> next();

 private:
  Result<std::uint64_t> take_varint();
  Result<ByteView> take(std::uint64_t count);

  ByteView rest_;
  std::size_t fields_ = 0;
};

void append_pb_varint(Bytes& to, std::uint32_t field, std::uint64_t value);
void append_pb_bytes(Bytes& to, std::uint32_t field, ByteView value);
void append_pb_bytes(Bytes& to, std::uint32_t field, std::string_view value);
void append_pb_fixed32(Bytes& to, std::uint32_t field, std::uint32_t value);
void append_pb_fixed64(Bytes& to, std::uint32_t field, std::uint64_t value);
/// The key and length of a bytes field, whose `size` bytes the caller writes behind.
void append_pb_header(Bytes& to, std::uint32_t field, std::size_t size);

}  // namespace kith::codec

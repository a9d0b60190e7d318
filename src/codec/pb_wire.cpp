#include "codec/pb_wire.h"

#include "base/format.h"

namespace kith::codec {

namespace {

void append_raw_varint(Bytes& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<std::uint8_t>(value));
}

void append_key(Bytes& to, std::uint32_t field, PbType type) {
  ASSERT(field >= 1 && field <= pb_field_number_max);
  append_raw_varint(to, (std::uint64_t{field} << 3) | static_cast<std::uint64_t>(type));
}

void append_little_endian(Bytes& to, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t read_little_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = (value << 8) | bytes[i - 1];
  return value;
}

}  // namespace

Result<std::uint64_t> PbField::as_varint(std::string_view what) const {
  if (type != PbType::varint) {
    return fail(Code::malformed, base::format("{}: field {} has wire type {}, not varint", what,
                                              number, static_cast<unsigned>(type)));
  }
  return value;
}

Result<ByteView> PbField::as_bytes(std::string_view what, std::size_t bytes_max) const {
  if (type != PbType::bytes) {
    return fail(Code::malformed, base::format("{}: field {} has wire type {}, not bytes", what,
                                              number, static_cast<unsigned>(type)));
  }
  if (bytes.size() > bytes_max) {
    return fail(Code::too_large,
                base::format("{} of {} bytes, limit {}", what, bytes.size(), bytes_max));
  }
  return bytes;
}

Result<std::optional<PbField>> PbReader::next() {
  if (rest_.empty()) return std::optional<PbField>();
  if (++fields_ > pb_fields_max) {
    return fail(Code::too_large, base::format("protobuf of over {} fields", pb_fields_max));
  }
  const std::uint64_t key = TRY(take_varint());
  const std::uint64_t number = key >> 3;
  if (number == 0 || number > pb_field_number_max) {
    return fail(Code::malformed, base::format("protobuf field number {}", number));
  }
  PbField field;
  field.number = static_cast<std::uint32_t>(number);
  // The wire type comes from the peer: only what the enum names is cast to it.
  const unsigned type = static_cast<unsigned>(key & 7);
  if (type == 0) {
    field.type = PbType::varint;
    field.value = TRY(take_varint());
  } else if (type == 1) {
    field.type = PbType::fixed64;
    field.value = read_little_endian(TRY(take(8)));
  } else if (type == 2) {
    field.type = PbType::bytes;
    const std::uint64_t size = TRY(take_varint());
    field.bytes = TRY(take(size));
  } else if (type == 5) {
    field.type = PbType::fixed32;
    field.value = read_little_endian(TRY(take(4)));
  } else {
    return fail(Code::malformed,
                base::format("protobuf field {} has wire type {}", field.number, type));
  }
  return std::optional(field);
}

Result<std::uint64_t> PbReader::take_varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < pb_varint_bytes_max; ++i) {
    if (i >= rest_.size()) return fail(Code::truncated, "protobuf ends within a varint");
    const std::uint8_t byte = rest_[i];
    if (i + 1 == pb_varint_bytes_max && byte > 1) break;  // only bit 63 is left
    value |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      rest_ = rest_.subspan(i + 1);
      return value;
    }
  }
  return fail(Code::malformed, "protobuf varint over 64 bits");
}

Result<ByteView> PbReader::take(std::uint64_t count) {
  if (count > rest_.size()) {
    return fail(Code::truncated,
                base::format("protobuf field of {} bytes, {} left", count, rest_.size()));
  }
  const ByteView taken = rest_.first(static_cast<std::size_t>(count));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

void append_pb_varint(Bytes& to, std::uint32_t field, std::uint64_t value) {
  append_key(to, field, PbType::varint);
  append_raw_varint(to, value);
}

void append_pb_header(Bytes& to, std::uint32_t field, std::size_t size) {
  append_key(to, field, PbType::bytes);
  append_raw_varint(to, size);
}

void append_pb_bytes(Bytes& to, std::uint32_t field, ByteView value) {
  append_pb_header(to, field, value.size());
  base::append(to, value);
}

void append_pb_bytes(Bytes& to, std::uint32_t field, std::string_view value) {
  append_pb_bytes(to, field, base::as_bytes(value));
}

void append_pb_fixed32(Bytes& to, std::uint32_t field, std::uint32_t value) {
  append_key(to, field, PbType::fixed32);
  append_little_endian(to, value, 4);
}

void append_pb_fixed64(Bytes& to, std::uint32_t field, std::uint64_t value) {
  append_key(to, field, PbType::fixed64);
  append_little_endian(to, value, 8);
}

}  // namespace kith::codec

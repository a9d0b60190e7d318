#include "codec/verdict_message.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t message_version = 1;

template <std::size_t n>
Result<void> read_into(Reader& reader, std::array<std::uint8_t, n>& target) {
  std::ranges::copy(TRY(reader.bytes(n)), target.begin());
  return {};
}

}  // namespace

Bytes encode(const SaidVerdict& said) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(message_version);
  writer.u64(said.dispute);
  writer.bytes(said.digest);
  writer.bytes(said.validator);
  writer.bytes(said.signature);
  writer.u32(said.repeat);
  return bytes;
}

Result<SaidVerdict> decode_said_verdict(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != message_version) {
    return fail(Code::unsupported, base::format("a verdict's message of version {}", version));
  }
  SaidVerdict said;
  said.dispute = TRY(reader.u64());
  TRY_VOID(read_into(reader, said.digest));
  TRY_VOID(read_into(reader, said.validator));
  TRY_VOID(read_into(reader, said.signature));
  said.repeat = TRY(reader.u32());
  TRY_VOID(reader.finish());
  return said;
}

}  // namespace kith::codec

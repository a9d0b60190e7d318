// Headers of packets: raw bytes, and bytes whose magic, version, length and checksum were mended,
// so that what is behind them is reached. What decodes must be encoded as it was.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "packet/header.h"
#include "packet/state.h"

namespace {

using namespace kith;
using namespace kith::packet;

void mend(Bytes& bytes) {
  if (bytes.size() < header_bytes) bytes.resize(header_bytes);
  if (bytes.size() > packet_bytes_max) bytes.resize(packet_bytes_max);
  base::store_big_endian(bytes, 0, header_magic);
  bytes[2] = packet_version;
  base::store_big_endian(bytes, 24, static_cast<std::uint16_t>(bytes.size() - header_bytes));
  base::store_big_endian<std::uint32_t>(bytes, 20, 0);
  const bool is_sealed = (bytes[4] & flag_sealed) != 0;
  const ByteView covered = is_sealed ? ByteView(bytes).first(header_bytes) : ByteView(bytes);
  base::store_big_endian(bytes, 20, crc32c(covered));
}

void check(ByteView packet) {
  Header header;
  const HeaderFault fault = decode_header(packet, header);
  ASSERT(!name_of(fault).empty());
  if (fault != HeaderFault::none) {
    ASSERT(header == Header{});
    return;
  }
  ASSERT(fault_of(header) == HeaderFault::none);
  ASSERT(peek_connection_id(packet) == header.id);
  Bytes again = base::to_bytes(packet);
  encode_header(header, again);
  ASSERT(base::equal(again, packet));
  for (std::size_t state = 0; state < states; ++state) {
    (void)step_of(static_cast<State>(state), header.type, header.has(flag_sealed));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, data + size);
  check(bytes);
  mend(bytes);
  check(bytes);
  return 0;
}

#include "rt/wal_file.h"

#include <algorithm>
#include <optional>

#include "base/crc32c.h"
#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::rt {
namespace {

constexpr std::string_view magic = "kithwal1";
constexpr std::uint32_t flag_begins_anew = 1;
constexpr std::size_t frame_words_bytes = wal_frame_header_bytes - 4;  // what the checksum covers

std::uint32_t salted(std::uint64_t salt, std::uint64_t offset) {
  Bytes words;
  codec::Writer out(words);
  out.u64(salt);
  out.u64(offset);
  return crc32c(words);
}

struct Frame {
  std::uint32_t length = 0;
  std::uint32_t body_crc = 0;
};

// The frame that begins at `offset`, if its header says so; the body is another matter.
std::optional<Frame> frame_at(ByteView bytes, std::uint64_t offset, const WalHeader& header) {
  codec::Reader in(bytes.subspan(offset));
  if (in.remaining() < wal_frame_header_bytes) return std::nullopt;
  const ByteView words = bytes.subspan(offset, frame_words_bytes);
  const Frame frame{*in.u32(), *in.u32()};
  if (frame.length > wal_frame_bytes_max || *in.u64() != header.segment ||
      *in.u32() != crc32c(words, salted(header.salt, offset))) {
    return std::nullopt;
  }
  return frame;
}

std::optional<ByteView> body_at(ByteView bytes, std::uint64_t offset, const WalHeader& header) {
  const auto frame = frame_at(bytes, offset, header);
  if (!frame) return std::nullopt;
  const ByteView rest = bytes.subspan(offset + wal_frame_header_bytes);
  if (rest.size() < frame->length) return std::nullopt;
  const ByteView body = rest.first(frame->length);
  if (crc32c(body, salted(header.salt, offset)) != frame->body_crc) return std::nullopt;
  return body;
}

// The checksum was right, so this fails only where a program wrote nonsense.
Result<void> take_records(ByteView body, std::vector<Bytes>& to) {
  codec::Reader in(body);
  while (!in.at_end()) {
    const std::uint32_t size = TRY(in.u32());
    to.push_back(base::to_bytes(TRY(in.bytes(size))));
  }
  return {};
}

}  // namespace

Bytes encode(const WalHeader& header) {
  Bytes bytes = base::to_bytes(magic);
  codec::Writer out(bytes);
  out.u32(header.begins_anew ? flag_begins_anew : 0);
  out.u64(header.segment);
  out.u64(header.sequence);
  out.u64(header.salt);
  out.u32(crc32c(bytes));
  return bytes;
}

Result<WalHeader> decode_wal_header(ByteView bytes) {
  if (bytes.size() < wal_header_bytes) {
    return fail(Code::malformed, base::format("offset 0: {} bytes, fewer than the header's {}",
                                              bytes.size(), wal_header_bytes));
  }
  codec::Reader in(bytes);
  const bool is_ours = base::equal(*in.bytes(magic.size()), base::as_bytes(magic));
  const std::uint32_t flags = *in.u32();
  WalHeader header;
  header.begins_anew = flags == flag_begins_anew;
  header.segment = *in.u64();
  header.sequence = *in.u64();
  header.salt = *in.u64();
  const std::uint32_t crc = crc32c(bytes.first(in.offset()));
  if (!is_ours || flags > flag_begins_anew || *in.u32() != crc) {
    return fail(Code::malformed, "offset 0: the header is damaged");
  }
  return header;
}

Result<Bytes> encode_wal_frame(const WalHeader& header, std::uint64_t offset,
                               std::span<const Bytes> records) {
  std::uint64_t length = 0;
  for (const Bytes& record : records) {
    if (record.size() > wal_record_bytes_max) {
      return fail(Code::too_large, base::format("a record of {} bytes for the log, limit {}",
                                                record.size(), wal_record_bytes_max));
    }
    length += wal_record_overhead + record.size();
  }
  if (length > wal_frame_bytes_max) {
    return fail(Code::too_large, base::format("{} bytes for the log at once, limit {}", length,
                                              wal_frame_bytes_max));
  }
  Bytes body;
  body.reserve(length);
  codec::Writer into_body(body);
  for (const Bytes& record : records) {
    into_body.u32(static_cast<std::uint32_t>(record.size()));
    into_body.bytes(record);
  }
  Bytes frame;
  frame.reserve(wal_frame_header_bytes + length);
  codec::Writer out(frame);
  const std::uint32_t seed = salted(header.salt, offset);
  out.u32(static_cast<std::uint32_t>(length));
  out.u32(crc32c(body, seed));
  out.u64(header.segment);
  out.u32(crc32c(frame, seed));
  out.bytes(body);
  return frame;
}

Result<WalFile> read_wal_file(ByteView bytes, bool is_last) {
  WalFile file;
  file.header = TRY(decode_wal_header(bytes));
  file.end = wal_header_bytes;
  while (const auto body = body_at(bytes, file.end, file.header)) {
    if (auto taken = take_records(*body, file.records); !taken) {
      return fail(Code::malformed, base::format("offset {}: a frame with a right checksum holds "
                                                "wrong records",
                                                file.end));
    }
    file.end += wal_frame_header_bytes + body->size();
  }
  const auto damaged = [&](std::string_view why) {
    return fail(Code::malformed, base::format("offset {}: {}", file.end, why));
  };
  if (file.end == wal_header_bytes) return damaged("the first frame is damaged");
  const ByteView tail = bytes.subspan(file.end);
  const auto last = std::find_if(tail.rbegin(), tail.rend(), [](auto byte) { return byte != 0; });
  if (last == tail.rend()) return file;
  if (!is_last) return damaged("a frame is damaged, and a later file says that it was whole");
  const auto used = file.end + static_cast<std::uint64_t>(tail.rend() - last);
  for (std::uint64_t at = file.end + 1; at < used; ++at) {
    if (body_at(bytes, at, file.header)) {
      return damaged(
          base::format("a frame is damaged, and the one at {} says that it was whole", at));
    }
  }
  file.is_torn = true;
  return file;
}

}  // namespace kith::rt

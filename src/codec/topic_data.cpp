#include "codec/topic_data.h"

#include <zstd.h>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t expiry_flag = 1;
constexpr std::uint8_t zstd_flag = 2;
/// It runs where messages are published: a megabyte of text takes 2.4 ms, a kilobyte 4 us.
constexpr int level = 1;
/// Smaller payloads hardly ever shrink.
constexpr std::size_t compressed_bytes_min = 64;
/// ZSTD_MAGICNUMBER as it stands in bytes; skippable and legacy frames have others.
constexpr std::uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};

Result<std::size_t> content_size(ByteView frame, std::size_t size_max) {
  if (frame.size() < sizeof magic || !base::equal(frame.first(sizeof magic), magic)) {
    return fail(Code::malformed, "no zstd frame");
  }
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(Code::malformed, "zstd frame that does not tell its content's size");
  }
  if (size > size_max) {
    return fail(Code::too_large,
                base::format("zstd content of {} bytes, limit {}", size, size_max));
  }
  if (size > TopicData::ratio_max * frame.size()) {
    return fail(Code::too_large, base::format("{} bytes of zstd make {}, limit {} times as many",
                                              frame.size(), size, TopicData::ratio_max));
  }
  return static_cast<std::size_t>(size);
}

}  // namespace

Result<TopicData> read_topic_data(ByteView data, const TopicDataRules& rules) {
  Reader reader(data);
  const std::uint8_t version = TRY(reader.u8());
  if (version != TopicData::version) {
    return fail(Code::unsupported, base::format("topic data of version {}", version));
  }
  const std::uint8_t flags = TRY(reader.u8());
  const bool has_expiry = (flags & expiry_flag) != 0;
  TopicData read;
  read.is_compressed = (flags & zstd_flag) != 0;
  if ((flags & ~(expiry_flag | zstd_flag)) != 0 || has_expiry != rules.has_expiry ||
      (read.is_compressed && !rules.is_compressed)) {
    return fail(Code::malformed, base::format("topic data with flags {}, not the topic's", flags));
  }
  if (has_expiry) {
    const std::uint64_t expiry = TRY(reader.u64());
    if (expiry > INT64_MAX) {
      return fail(Code::malformed, base::format("topic data that expires at {}", expiry));
    }
    read.expires = WallTime{static_cast<std::int64_t>(expiry)};
  }
  read.body_at = reader.offset();
  read.body = reader.rest();
  read.payload_bytes = read.body.size();
  if (read.is_compressed) {
    read.payload_bytes = TRY(content_size(read.body, rules.payload_bytes_max));
  } else if (read.payload_bytes > rules.payload_bytes_max) {
    return fail(Code::too_large, base::format("payload of {} bytes, limit {}", read.payload_bytes,
                                              rules.payload_bytes_max));
  }
  return read;
}

struct TopicDataCodec::Contexts {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> packing;
  std::unique_ptr<ZSTD_DCtx, Free> unpacking;
};

TopicDataCodec::TopicDataCodec() = default;
TopicDataCodec::~TopicDataCodec() = default;

Bytes TopicDataCodec::write(ByteView payload, std::optional<WallTime> expires,
                            const TopicDataRules& rules) {
  ASSERT(expires.has_value() == rules.has_expiry);
  Bytes data;
  Writer writer(data);
  writer.u8(TopicData::version);
  writer.u8(expires ? expiry_flag : 0);
  if (expires) {
    writer.u64(static_cast<std::uint64_t>(std::max<std::int64_t>(expires->unix_ms, 0)));
  }
  const std::size_t header = data.size();
  if (rules.is_compressed && payload.size() >= compressed_bytes_min) {
    if (!contexts_) contexts_ = std::make_unique<Contexts>();
    if (!contexts_->packing) contexts_->packing.reset(ZSTD_createCCtx());
    data.resize(header + ZSTD_compressBound(payload.size()));
    const std::size_t size =
        ZSTD_compressCCtx(contexts_->packing.get(), data.data() + header, data.size() - header,
                          payload.data(), payload.size(), level);
    ASSERT(!ZSTD_isError(size));
    if (size < payload.size() && payload.size() <= TopicData::ratio_max * size) {
      data[1] |= zstd_flag;
      data.resize(header + size);
      return data;
    }
    data.resize(header);
  }
  writer.bytes(payload);
  return data;
}

Result<Bytes> TopicDataCodec::unpack(const TopicData& data) {
  ASSERT(data.is_compressed);
  // More frames behind it, even empty ones, would be other bytes for the same payload.
  const std::size_t whole = ZSTD_findFrameCompressedSize(data.body.data(), data.body.size());
  if (ZSTD_isError(whole) || whole != data.body.size()) {
    return fail(Code::malformed, "not one whole zstd frame");
  }
  if (!contexts_) contexts_ = std::make_unique<Contexts>();
  if (!contexts_->unpacking) contexts_->unpacking.reset(ZSTD_createDCtx());
  Bytes payload(data.payload_bytes);
  const std::size_t size = ZSTD_decompressDCtx(contexts_->unpacking.get(), payload.data(),
                                               payload.size(), data.body.data(), data.body.size());
  if (ZSTD_isError(size)) {
    return fail(Code::malformed, base::format("zstd: {}", ZSTD_getErrorName(size)));
  }
  if (size != payload.size()) return fail(Code::malformed, "zstd content of another size");
  return payload;
}

}  // namespace kith::codec

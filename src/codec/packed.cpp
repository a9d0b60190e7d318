#include "codec/packed.h"

#include <zstd.h>

#include <algorithm>

#include "base/assert.h"
#include "base/format.h"

namespace kith::codec {
namespace {

constexpr int packed_level = 1;
/// ZSTD_MAGICNUMBER as it stands in bytes; skippable and legacy frames have others.
constexpr std::uint8_t packed_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

Result<std::size_t> packed_content_size(ByteView packed, const PackedLimits& limits) {
  if (packed.size() < sizeof packed_magic ||
      !base::equal(packed.first(sizeof packed_magic), packed_magic)) {
    return fail(Code::malformed, base::format("{} bytes are no zstd frame", packed.size()));
  }
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(Code::malformed, base::format("a zstd frame of {} bytes does not tell its "
                                              "content's size",
                                              packed.size()));
  }
  if (size > limits.content_bytes_max) {
    return fail(Code::too_large,
                base::format("zstd content of {} bytes, limit {}", size, limits.content_bytes_max));
  }
  if (size > limits.ratio_max * packed.size()) {
    return fail(Code::too_large, base::format("{} bytes of zstd make {}, limit {} times as many",
                                              packed.size(), size, limits.ratio_max));
  }
  return static_cast<std::size_t>(size);
}

}  // namespace

struct Packer::Contexts {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> packing;
  std::unique_ptr<ZSTD_DCtx, Free> unpacking;
};

Packer::Packer() = default;
Packer::~Packer() = default;

std::optional<Bytes> Packer::pack(ByteView content, const PackedLimits& limits) {
  if (!contexts_) contexts_ = std::make_unique<Contexts>();
  if (!contexts_->packing) contexts_->packing.reset(ZSTD_createCCtx());
  const auto compress = [this](ByteView bytes) {
    Bytes packed(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compressCCtx(contexts_->packing.get(), packed.data(), packed.size(), bytes.data(),
                          bytes.size(), packed_level);
    ASSERT(!ZSTD_isError(size));
    packed.resize(size);
    return packed;
  };
  const ByteView front = content.first(std::min(content.size(), packed_sample_bytes));
  Bytes packed = compress(front);
  if (packed.size() > front.size() - front.size() / 8) return std::nullopt;
  if (front.size() < content.size()) packed = compress(content);
  if (packed.size() >= content.size() || content.size() > limits.content_bytes_max ||
      content.size() > limits.ratio_max * packed.size()) {
    return std::nullopt;
  }
  return packed;
}

Result<Bytes> Packer::unpack(ByteView packed, const PackedLimits& limits) {
  const std::size_t content_size = TRY(packed_content_size(packed, limits));
  // More frames behind it, even empty ones, would be other bytes for the same content.
  const std::size_t whole = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
  if (ZSTD_isError(whole) || whole != packed.size()) {
    return fail(Code::malformed,
                base::format("{} bytes are not one whole zstd frame", packed.size()));
  }
  if (!contexts_) contexts_ = std::make_unique<Contexts>();
  if (!contexts_->unpacking) contexts_->unpacking.reset(ZSTD_createDCtx());
  Bytes content(content_size);
  const std::size_t size = ZSTD_decompressDCtx(contexts_->unpacking.get(), content.data(),
                                               content.size(), packed.data(), packed.size());
  if (ZSTD_isError(size)) {
    return fail(Code::malformed, base::format("zstd: {}", ZSTD_getErrorName(size)));
  }
  if (size != content_size) {
    return fail(Code::malformed,
                base::format("zstd content of {} bytes, said to be {}", size, content_size));
  }
  return content;
}

}  // namespace kith::codec

// One run of bytes as one zstd frame that tells its content's size, and back within limits: for
// what is sent once and kept nowhere. (Gossip's topic data has rules of its own, topic_data.h.)
//
// What is said to be large is refused before anything is allocated. Another version of zstd may
// write other bytes for the same content; each reads all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"

namespace kith::codec {

struct PackedLimits {
  std::size_t content_bytes_max = 16 * 1024 * 1024;
  std::uint64_t ratio_max = 100;  // content to packed
};

/// Whether bytes of a kind shrink is seen at their front: so many of them are tried.
inline constexpr std::size_t packed_sample_bytes = 4096;

/// Keeps zstd's contexts, some hundred KiB once used, for the next call.
class Packer {
 public:
  Packer();
  ~Packer();

  /// `content` as a zstd frame; nothing when its front does not shrink by an eighth, the whole not
  /// at all, or more than `limits` lets the other side take.
  std::optional<Bytes> pack(ByteView content, const PackedLimits& limits = {});
  /// The content of `packed`, one whole frame: `malformed` for anything else, `too_large` beyond
  /// the limits.
  Result<Bytes> unpack(ByteView packed, const PackedLimits& limits = {});

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace kith::codec

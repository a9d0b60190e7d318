// What stands before the payload of a message in topics whose application asks for messages that
// expire or are compressed (docs/protocol/gossip.md): a header inside the message's data, and so
// inside what is signed. All nodes of such a topic use it, by the same rules.
//
//   data    = version flags [expiry] body
//   version = %x01
//   flags   = OCTET        ; 1: expiry, 2: zstd; no others
//   expiry  = 8OCTET       ; Unix milliseconds, big-endian
//   body    = payload / one zstd frame that tells its content's size
//
// Limits, all checked before anything is decompressed: a payload of `payload_bytes_max`, and of
// `ratio_max` times its compressed size.
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"

namespace kith::codec {

/// What all messages of a topic have.
struct TopicDataRules {
  bool has_expiry = false;
  bool is_compressed = false;  // may be: what does not shrink is sent as it is
  std::size_t payload_bytes_max = 1 << 20;
};

struct TopicData {
  static constexpr std::uint8_t version = 1;
  static constexpr std::size_t header_bytes_max = 10;
  /// An amplifier for nobody: a hundred bytes make at most ten thousand.
  static constexpr std::size_t ratio_max = 100;

  std::optional<WallTime> expires;
  bool is_compressed = false;
  std::size_t payload_bytes = 0;
  std::size_t body_at = 0;  // of the data
  ByteView body;            // into the data
};

/// Reads the header, and of a zstd frame its own; decompresses nothing. `unsupported`: another
/// version; `too_large`: over a limit; `malformed`, `truncated`: not what the rules say.
Result<TopicData> read_topic_data(ByteView data, const TopicDataRules& rules);

/// Packs and unpacks bodies. Keeps zstd's working memory, which is made when first needed.
class TopicDataCodec {
 public:
  TopicDataCodec();
  ~TopicDataCodec();

  /// REQUIRES: `expires` is there exactly when the rules say so.
  Bytes write(ByteView payload, std::optional<WallTime> expires, const TopicDataRules& rules);
  /// The payload of compressed data that read_topic_data() gave. `malformed`: not one whole frame.
  Result<Bytes> unpack(const TopicData& data);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace kith::codec

// Blocks: the header that is voted on, the body that it commits to, and the justification that
// shows why it may stand where it stands.
//
// The digest of a block is tagged_hash("kith/header/1", header). What consensus itself reads of a
// header is the first half; the roots of the second half belong to the application, and consensus
// hands them on. The body is the application's own bytes. Source: docs/protocol/consensus.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "codec/chain.h"
#include "codec/chain_vote.h"

namespace kith::codec {

struct BlockHeader {
  std::uint16_t shard = 0;  // one so far
  Height height;
  Epoch epoch;
  View view;  // in which it was first proposed
  Hash parent{};
  WallTime time;
  Hash body_hash{};             // tagged_hash("kith/body/1", body)
  Hash justification_root{};    // tagged_hash("kith/justification/1", encoding)
  Hash validators_root{};       // of its own epoch
  Hash next_validators_root{};  // of the epoch that follows when it is the last of one; else zero
  Hash params_hash{};
  // The application's.
  Hash tx_root{};
  Hash utxo_root{};
  Hash registry_root{};
  Hash receipts_root{};
  Hash history_root{};  // of all headers before it
  Hash evidence_root{};
  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

/// 01, shard u16, height, epoch, view u64, parent, time u64 (Unix ms), then the hashes in the order
/// above: always so many bytes.
inline constexpr std::size_t header_bytes = 1 + 2 + 8 * 3 + 32 + 8 + 32 * 11;

Bytes encode(const BlockHeader& header);
Result<BlockHeader> decode_header(ByteView bytes);
Hash digest_of(const BlockHeader& header);
Hash body_hash(ByteView body);

/// Why a proposal at a view may build on its parent: the parent's notarization or finalization
/// (none when the parent is the epoch's floor), and the nullification of every view between.
/// Encoding: 1 or 0 whether there is a parent's, count of the others u16, the certificates,
/// ascending by view.
struct Justification {
  std::optional<Certificate> parent;
  std::vector<Certificate> nullified;
  friend bool operator==(const Justification&, const Justification&) = default;
};

/// With 134 signatures each these are 8.6 MB: more views in a row than any real outage nullifies
/// before timeouts have grown to minutes.
inline constexpr std::size_t nullified_max = 1000;

Bytes encode(const Justification& justification);
Result<Justification> decode_justification(ByteView bytes);
Hash root_of(const Justification& justification);
/// Whether the certificates are the ones that a block on `parent` at `view` needs. `parent.view` 0
/// is the floor. Says nothing of their signatures or their quorums.
Result<void> check_form(const Justification& justification, Epoch epoch, View view, View parent,
                        const Hash& parent_digest);

/// Immutable once made; shared, for it is as large as its body.
class Block {
 public:
  /// Takes bytes that belong together: of the header's own body_hash and justification_root nothing
  /// is checked here.
  Block(BlockHeader header, Buffer body, Justification justification);

  const BlockHeader& header() const { return header_; }
  const Buffer& body() const { return body_; }
  const Justification& justification() const { return justification_; }
  const Hash& digest() const { return digest_; }

 private:
  BlockHeader header_;
  Buffer body_;
  Justification justification_;
  Hash digest_;
};
using BlockPtr = std::shared_ptr<const Block>;

inline constexpr std::size_t block_body_bytes_max = 8 * 1024 * 1024;  // networks set less
inline constexpr std::size_t justification_bytes_max = 16 * 1024 * 1024;

/// Header, then body and justification, each behind its length as varint.
void encode(Writer& writer, const Block& block);
/// Also checks that the header commits to this body and this justification.
Result<BlockPtr> decode_block(Reader& reader);

}  // namespace kith::codec

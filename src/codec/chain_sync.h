// Messages of /kith/sync/1.1.0, one a frame: how far a node has come, and the blocks of a run of
// heights, each with the certificate that it stands by. Grammar: docs/protocol/sync.md.
//
// What is decoded is whole, and nothing more: who believes it checks hashes and certificates.
// Limit: `sync_blocks_max` blocks asked for at once.
#pragma once

#include <variant>

#include "codec/chain_block.h"

namespace kith::codec {

inline constexpr std::uint16_t sync_blocks_max = 1024;

struct TipRequest {
  friend bool operator==(const TipRequest&, const TipRequest&) = default;
};
struct BlocksRequest {
  Height from;              // not genesis
  std::uint16_t count = 1;  // 1 to sync_blocks_max
  friend bool operator==(const BlocksRequest&, const BlocksRequest&) = default;
};
using SyncRequest = std::variant<TipRequest, BlocksRequest>;

/// What a node has: the blocks from `floor` to `height`, none when the floor is above the height.
struct SyncTip {
  Hash genesis{};
  Height height;
  Height floor;  // 1 to height + 1; 1: nothing is pruned
  friend bool operator==(const SyncTip&, const SyncTip&) = default;
};
struct GivenBlock {
  BlockPtr block;
  Certificate certificate;
};
/// In place of blocks: what was asked for is below the floor.
struct PrunedBlocks {
  Height floor;
  friend bool operator==(const PrunedBlocks&, const PrunedBlocks&) = default;
};
using SyncAnswer = std::variant<SyncTip, GivenBlock, PrunedBlocks>;

inline constexpr std::size_t sync_request_bytes_max = 1 + 8 + 2;
inline constexpr std::size_t sync_answer_bytes_max =
    1 + header_bytes + 10 + block_body_bytes_max + justification_bytes_max + certificate_bytes_max;

Bytes encode(const SyncRequest& request);
Result<SyncRequest> decode_sync_request(ByteView bytes);
Bytes encode(const SyncTip& tip);
Bytes encode(const PrunedBlocks& pruned);
Bytes encode_given(const Block& block, const Certificate& certificate);
Result<SyncAnswer> decode_sync_answer(ByteView bytes);

}  // namespace kith::codec

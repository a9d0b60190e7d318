#include "codec/chain_sync.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"

namespace kith::codec {
namespace {

enum class Asked : std::uint8_t { tip = 1, blocks };
enum class Answered : std::uint8_t { tip = 1, block, pruned };

void put(Writer& writer, auto kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

Result<SyncTip> decode_tip(Reader& reader) {
  SyncTip tip;
  std::ranges::copy(TRY(reader.bytes(tip.genesis.size())), tip.genesis.begin());
  tip.height = {TRY(reader.u64())};
  tip.floor = {TRY(reader.u64())};
  if (tip.height.value == UINT64_MAX || tip.floor.value == 0 ||
      tip.floor.value > tip.height.value + 1) {
    return fail(Code::malformed, base::format("a tip of height {} with the floor {}",
                                              tip.height.value, tip.floor.value));
  }
  return tip;
}

}  // namespace

Bytes encode(const SyncRequest& request) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(Overload{[&](const TipRequest&) { put(writer, Asked::tip); },
                      [&](const BlocksRequest& blocks) {
                        put(writer, Asked::blocks);
                        writer.u64(blocks.from.value);
                        writer.u16(blocks.count);
                      }},
             request);
  return bytes;
}

Result<SyncRequest> decode_sync_request(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  SyncRequest request;
  if (static_cast<Asked>(kind) == Asked::blocks) {
    BlocksRequest blocks;
    blocks.from = {TRY(reader.u64())};
    blocks.count = TRY(reader.u16());
    if (blocks.from.value == 0 || blocks.count == 0 || blocks.count > sync_blocks_max ||
        blocks.from.value > UINT64_MAX - blocks.count) {
      return fail(Code::malformed, base::format("a request for {} blocks from height {}",
                                                blocks.count, blocks.from.value));
    }
    request = blocks;
  } else if (static_cast<Asked>(kind) != Asked::tip) {
    return fail(Code::malformed, base::format("a request of sync of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return request;
}

Bytes encode(const SyncTip& tip) {
  Bytes bytes;
  Writer writer(bytes);
  put(writer, Answered::tip);
  writer.bytes(tip.genesis);
  writer.u64(tip.height.value);
  writer.u64(tip.floor.value);
  return bytes;
}

Bytes encode(const PrunedBlocks& pruned) {
  Bytes bytes;
  Writer writer(bytes);
  put(writer, Answered::pruned);
  writer.u64(pruned.floor.value);
  return bytes;
}

Bytes encode_given(const Block& block, const Certificate& certificate) {
  Bytes bytes;
  Writer writer(bytes);
  put(writer, Answered::block);
  encode(writer, block);
  encode(writer, certificate);
  return bytes;
}

Result<SyncAnswer> decode_sync_answer(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  std::optional<SyncAnswer> answer;
  switch (static_cast<Answered>(kind)) {
    case Answered::tip: answer = TRY(decode_tip(reader)); break;
    case Answered::block: {
      BlockPtr block = TRY(decode_block(reader));
      answer = GivenBlock{std::move(block), TRY(decode_certificate(reader))};
      break;
    }
    case Answered::pruned: {
      const PrunedBlocks pruned{{TRY(reader.u64())}};
      if (pruned.floor.value == 0) return fail(Code::malformed, "pruned up to nothing");
      answer = pruned;
      break;
    }
    default: return fail(Code::malformed, base::format("an answer of sync of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return *std::move(answer);
}

}  // namespace kith::codec

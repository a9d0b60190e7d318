#include "codec/chain_block.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t header_version = 1;
/// Later dates would not survive arithmetic (A103).
constexpr std::uint64_t time_ms_max = std::uint64_t{1} << 53;

/// In the order of the encoding.
constexpr std::array hashes = {&BlockHeader::body_hash,       &BlockHeader::justification_root,
                               &BlockHeader::validators_root, &BlockHeader::next_validators_root,
                               &BlockHeader::params_hash,     &BlockHeader::tx_root,
                               &BlockHeader::utxo_root,       &BlockHeader::registry_root,
                               &BlockHeader::receipts_root,   &BlockHeader::history_root,
                               &BlockHeader::evidence_root};

Result<void> read_hash(Reader& reader, Hash& into) {
  std::ranges::copy(TRY(reader.bytes(into.size())), into.begin());
  return {};
}

}  // namespace

Bytes encode(const BlockHeader& header) {
  ASSERT(header.time.unix_ms >= 0);
  Bytes bytes;
  bytes.reserve(header_bytes);
  Writer writer(bytes);
  writer.u8(header_version);
  writer.u16(header.shard);
  writer.u64(header.height.value);
  writer.u64(header.epoch.value);
  writer.u64(header.view.value);
  writer.bytes(header.parent);
  writer.u64(static_cast<std::uint64_t>(header.time.unix_ms));
  for (const auto hash : hashes) writer.bytes(header.*hash);
  ASSERT(bytes.size() == header_bytes);
  return bytes;
}

Result<BlockHeader> decode_header(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != header_version) {
    return fail(Code::unsupported, base::format("a block header of version {}", version));
  }
  BlockHeader header;
  header.shard = TRY(reader.u16());
  if (header.shard != 0) {
    return fail(Code::unsupported, base::format("a block of shard {}", header.shard));
  }
  header.height = {TRY(reader.u64())};
  header.epoch = {TRY(reader.u64())};
  header.view = {TRY(reader.u64())};
  TRY_VOID(read_hash(reader, header.parent));
  const std::uint64_t time = TRY(reader.u64());
  if (time > time_ms_max) {
    return fail(Code::malformed, base::format("a block dated {} ms", time));
  }
  header.time = {static_cast<std::int64_t>(time)};
  for (const auto hash : hashes) TRY_VOID(read_hash(reader, header.*hash));
  TRY_VOID(reader.finish());
  return header;
}

Hash digest_of(const BlockHeader& header) { return tagged_hash("kith/header/1", {encode(header)}); }

Hash body_hash(ByteView body) { return tagged_hash("kith/body/1", {body}); }

Bytes encode(const Justification& justification) {
  ASSERT(justification.nullified.size() <= nullified_max);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(justification.parent ? 1 : 0);
  writer.u16(static_cast<std::uint16_t>(justification.nullified.size()));
  if (justification.parent) encode(writer, *justification.parent);
  for (const Certificate& certificate : justification.nullified) encode(writer, certificate);
  return bytes;
}

Result<Justification> decode_justification(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t has_parent = TRY(reader.u8());
  if (has_parent > 1) {
    return fail(Code::malformed, base::format("a justification with {} parents", has_parent));
  }
  const std::uint16_t count = TRY(reader.u16());
  if (count > nullified_max) {
    return fail(Code::too_large,
                base::format("a justification of {} views, limit {}", count, nullified_max));
  }
  Justification justification;
  if (has_parent != 0) justification.parent = TRY(decode_certificate(reader));
  for (std::uint16_t i = 0; i < count; ++i) {
    justification.nullified.push_back(TRY(decode_certificate(reader)));
  }
  TRY_VOID(reader.finish());
  return justification;
}

Hash root_of(const Justification& justification) {
  return tagged_hash("kith/justification/1", {encode(justification)});
}

Result<void> check_form(const Justification& justification, Epoch epoch, View view, View parent,
                        const Hash& parent_digest) {
  if (parent >= view) {
    return fail(Code::malformed,
                base::format("a parent of view {} at view {}", parent.value, view.value));
  }
  if (justification.parent.has_value() != (parent.value > 0)) {
    return fail(Code::malformed, base::format("{} certificate for a parent of view {}",
                                              justification.parent ? "a" : "no", parent.value));
  }
  if (justification.parent) {
    const Statement& of = justification.parent->statement;
    if (of.epoch != epoch || of.kind == VoteKind::nullify || of.view() != parent ||
        of.subject.digest != parent_digest) {
      return fail(Code::malformed, base::format("the parent's certificate is for another block, of "
                                                "view {}, not {}",
                                                of.view().value, parent.value));
    }
  }
  if (justification.nullified.size() != view.value - parent.value - 1) {
    return fail(Code::malformed,
                base::format("{} nullified views between {} and {}", justification.nullified.size(),
                             parent.value, view.value));
  }
  View expected = parent;
  for (const Certificate& certificate : justification.nullified) {
    expected = next(expected);
    const Statement& of = certificate.statement;
    if (of.epoch != epoch || of.kind != VoteKind::nullify || of.view() != expected) {
      return fail(Code::malformed,
                  base::format("{} of view {} where the nullification of {} is due",
                               name_of(of.kind), of.view().value, expected.value));
    }
  }
  return {};
}

Block::Block(BlockHeader header, Buffer body, Justification justification)
    : header_(header),
      body_(std::move(body)),
      justification_(std::move(justification)),
      digest_(digest_of(header_)) {}

void encode(Writer& writer, const Block& block) {
  writer.bytes(encode(block.header()));
  writer.sized(block.body().view());
  writer.sized(encode(block.justification()));
}

Result<BlockPtr> decode_block(Reader& reader) {
  const ByteView header_view = TRY(reader.bytes(header_bytes));
  const BlockHeader header = TRY(decode_header(header_view));
  const ByteView body = TRY(reader.sized(block_body_bytes_max));
  if (body_hash(body) != header.body_hash) {
    return fail(Code::malformed,
                base::format("block {}: another body than its header's", header.height.value));
  }
  const ByteView encoded = TRY(reader.sized(justification_bytes_max));
  if (tagged_hash("kith/justification/1", {encoded}) != header.justification_root) {
    return fail(Code::malformed, base::format("block {}: another justification than its header's",
                                              header.height.value));
  }
  return std::make_shared<const Block>(header, Buffer(body), TRY(decode_justification(encoded)));
}

}  // namespace kith::codec

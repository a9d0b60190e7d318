#include "consensus/log_record.h"

#include "base/format.h"
#include "base/machine.h"

namespace kith::consensus {
namespace {

enum class Kind : std::uint8_t { vote = 1, certificate, block, proposal, stale };

void put(codec::Writer& writer, Kind kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

Result<LogRecord> decode_proposal(ByteView bytes) {
  auto message = TRY(codec::decode_consensus_message(bytes));
  auto* const proposal = std::get_if<codec::ProposalMessage>(&message);
  if (proposal == nullptr)
    return fail(Code::malformed, "a logged proposal that is another message");
  return OwnProposal{std::move(*proposal)};
}

}  // namespace

Bytes encode(const LogRecord& record) {
  Bytes bytes;
  codec::Writer writer(bytes);
  std::visit(Overload{[&](const OwnVote& own) {
                        put(writer, Kind::vote);
                        codec::encode(writer, own.vote);
                      },
                      [&](const HeldCertificate& held) {
                        put(writer, Kind::certificate);
                        codec::encode(writer, held.certificate);
                      },
                      [&](const HeldBlock& held) {
                        put(writer, Kind::block);
                        codec::encode(writer, *held.block);
                      },
                      [&](const OwnProposal& own) {
                        put(writer, Kind::proposal);
                        writer.bytes(codec::encode(codec::ConsensusMessage(own.message)));
                      },
                      [&](const StaleLog& stale) {
                        put(writer, Kind::stale);
                        writer.u64(stale.epoch.value);
                      }},
             record);
  return bytes;
}

Result<LogRecord> decode_log_record(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  std::optional<LogRecord> record;
  switch (static_cast<Kind>(kind)) {
    case Kind::vote: record = OwnVote{TRY(codec::decode_vote(reader))}; break;
    case Kind::certificate: record = HeldCertificate{TRY(codec::decode_certificate(reader))}; break;
    case Kind::block: record = HeldBlock{TRY(codec::decode_block(reader))}; break;
    case Kind::proposal: record = TRY(decode_proposal(reader.rest())); break;
    case Kind::stale: record = StaleLog{{TRY(reader.u64())}}; break;
    default: return fail(Code::malformed, base::format("a log record of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return *std::move(record);
}

}  // namespace kith::consensus

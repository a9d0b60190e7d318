#include "consensus/signer_record.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"

namespace kith::consensus {
namespace {

enum class Kind : std::uint8_t { begun = 1, lost, signs_for, silent, final, said, verdict };

void put(codec::Writer& writer, Kind kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

template <std::size_t n>
Result<void> read_into(codec::Reader& reader, std::array<std::uint8_t, n>& target) {
  std::ranges::copy(TRY(reader.bytes(n)), target.begin());
  return {};
}

}  // namespace

Bytes encode(const SignerRecord& record) {
  Bytes bytes;
  codec::Writer writer(bytes);
  std::visit(Overload{[&](const LogBegun&) { put(writer, Kind::begun); },
                      [&](const LogLost&) { put(writer, Kind::lost); },
                      [&](const SignsFor& chain) {
                        put(writer, Kind::signs_for);
                        writer.bytes(chain.genesis);
                      },
                      [&](const SilentThrough& silent) {
                        put(writer, Kind::silent);
                        writer.u64(silent.epoch.value);
                      },
                      [&](const FinalKnown& known) {
                        put(writer, Kind::final);
                        writer.u64(known.epoch.value);
                        writer.u64(known.view.value);
                      },
                      [&](const codec::SaidVote& said) {
                        put(writer, Kind::said);
                        codec::encode(writer, said.statement);
                        writer.bytes(said.signature);
                      },
                      [&](const VerdictGiven& given) {
                        put(writer, Kind::verdict);
                        writer.u64(given.dispute);
                        writer.bytes(given.digest);
                      }},
             record);
  return bytes;
}

Result<SignerRecord> decode_signer_record(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  SignerRecord record;
  switch (static_cast<Kind>(kind)) {
    case Kind::begun: record = LogBegun{}; break;
    case Kind::lost: record = LogLost{}; break;
    case Kind::signs_for: {
      SignsFor chain;
      TRY_VOID(read_into(reader, chain.genesis));
      record = chain;
      break;
    }
    case Kind::silent: record = SilentThrough{{TRY(reader.u64())}}; break;
    case Kind::final: {
      FinalKnown known{{TRY(reader.u64())}, {}};
      known.view = {TRY(reader.u64())};
      record = known;
      break;
    }
    case Kind::said: {
      codec::SaidVote said{TRY(codec::decode_statement(reader)), {}};
      TRY_VOID(read_into(reader, said.signature));
      record = said;
      break;
    }
    case Kind::verdict: {
      VerdictGiven given;
      given.dispute = TRY(reader.u64());
      TRY_VOID(read_into(reader, given.digest));
      record = given;
      break;
    }
    default: return fail(Code::malformed, base::format("a signer's record of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return record;
}

}  // namespace kith::consensus

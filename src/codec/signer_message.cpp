#include "codec/signer_message.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_heartbeat.h"
#include "codec/chain_job.h"
#include "codec/peer_id.h"

namespace kith::codec {
namespace {

// Requests. Answers have the highest bit set.
constexpr std::uint8_t kind_hello = 0x01;
constexpr std::uint8_t kind_lease = 0x02;
constexpr std::uint8_t kind_leave = 0x03;
constexpr std::uint8_t kind_said = 0x04;
constexpr std::uint8_t kind_final = 0x05;
constexpr std::uint8_t kind_stale = 0x06;
constexpr std::uint8_t kind_vote = 0x10;
constexpr std::uint8_t kind_channel = 0x11;
constexpr std::uint8_t kind_heartbeat = 0x12;
constexpr std::uint8_t kind_attestation = 0x13;
constexpr std::uint8_t kind_said_by = 0x14;
constexpr std::uint8_t kind_prove = 0x15;
constexpr std::uint8_t kind_verdict = 0x16;
constexpr std::uint8_t kind_welcome = 0x81;
constexpr std::uint8_t kind_held = 0x82;
constexpr std::uint8_t kind_taken = 0x83;
constexpr std::uint8_t kind_votes = 0x84;
constexpr std::uint8_t kind_signature = 0x90;
constexpr std::uint8_t kind_refusal = 0x91;
constexpr std::uint8_t kind_proof = 0x92;
// Of a lease.
constexpr std::uint8_t flag_needs_others = 1;
constexpr std::uint8_t flag_silent = 2;
constexpr std::uint8_t flag_lost = 4;

bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }

template <std::size_t n>
Result<void> read_into(Reader& reader, std::array<std::uint8_t, n>& target) {
  std::ranges::copy(TRY(reader.bytes(n)), target.begin());
  return {};
}

Result<bool> read_flag(Reader& reader) {
  const std::uint8_t value = TRY(reader.u8());
  if (value > 1) return fail(Code::malformed, base::format("a flag of {}: 0 or 1", value));
  return value == 1;
}

Result<std::string> read_text(Reader& reader, std::size_t bytes_max) {
  const ByteView bytes = TRY(reader.sized(bytes_max));
  const std::string_view text = base::as_text(bytes);
  if (!std::ranges::all_of(text, is_printable)) {
    return fail(Code::malformed, "a text that is not printable ASCII");
  }
  return std::string(text);
}

void write_text(Writer& writer, const std::string& text, std::size_t bytes_max) {
  ASSERT(text.size() <= bytes_max && std::ranges::all_of(text, is_printable));
  writer.sized(base::as_bytes(text));
}

void begin(Writer& writer, std::uint8_t kind, std::uint64_t number) {
  writer.u8(kind);
  writer.u64(number);
}

void write(Writer& writer, std::uint64_t number, const SignAsk& ask) {
  std::visit(Overload{[&](const SignVote& vote) {
                        begin(writer, kind_vote, number);
                        writer.u8(vote.holds_notarization ? 1 : 0);
                        encode(writer, vote.statement);
                      },
                      [&](const SignHello& hello) {
                        begin(writer, kind_channel, number);
                        writer.bytes(hello.channel);
                        writer.sized(hello.sender.bytes());
                      },
                      [&](const SignHeartbeat& beat) {
                        begin(writer, kind_heartbeat, number);
                        writer.u64(beat.slot);
                        writer.u64(beat.height.value);
                        writer.bytes(beat.digest);
                      },
                      [&](const SignAttestation& attestation) {
                        begin(writer, kind_attestation, number);
                        writer.bytes(attestation.heartbeat);
                      },
                      [&](const SignSaid& said) {
                        begin(writer, kind_said_by, number);
                        writer.bytes(said.message);
                      },
                      [&](const SignVerdict& verdict) {
                        begin(writer, kind_verdict, number);
                        writer.u64(verdict.dispute);
                        writer.bytes(verdict.digest);
                      }},
             ask);
}

Result<SignerHello> read_hello(Reader& reader) {
  const std::uint8_t version = TRY(reader.u8());
  if (version != signer_version) {
    return fail(Code::unsupported, base::format("version {} of the signer's protocol: this is {}",
                                                version, signer_version));
  }
  SignerHello hello;
  TRY_VOID(read_into(reader, hello.genesis));
  hello.name = TRY(read_text(reader, signer_name_bytes_max));
  return hello;
}

Result<SaidAsk> read_said(Reader& reader) {
  SaidAsk said{{TRY(reader.u64())}, {}};
  if (!TRY(read_flag(reader))) return said;
  said.after = TRY(decode_statement(reader));
  return said;
}

Result<SignAsk> read_ask(Reader& reader, std::uint8_t kind) {
  switch (kind) {
    case kind_vote: {
      const bool holds = TRY(read_flag(reader));
      return SignVote{TRY(decode_statement(reader)), holds};
    }
    case kind_channel: {
      SignHello hello;
      TRY_VOID(read_into(reader, hello.channel));
      const ByteView id = TRY(reader.sized(PeerId::bytes_max));
      hello.sender = TRY(peer_id_from_bytes(id));
      return hello;
    }
    case kind_heartbeat: {
      SignHeartbeat beat;
      beat.slot = TRY(reader.u64());
      beat.height = {TRY(reader.u64())};
      TRY_VOID(read_into(reader, beat.digest));
      return beat;
    }
    case kind_attestation: {
      SignAttestation attestation;
      TRY_VOID(read_into(reader, attestation.heartbeat));
      return attestation;
    }
    case kind_said_by: {
      SignSaid said;
      TRY_VOID(read_into(reader, said.message));
      return said;
    }
    case kind_verdict: {
      SignVerdict verdict;
      verdict.dispute = TRY(reader.u64());
      TRY_VOID(read_into(reader, verdict.digest));
      return verdict;
    }
    default: return fail(Code::unsupported, base::format("a request of kind {}", kind));
  }
}

Result<LeaseHeld> read_held(Reader& reader) {
  LeaseHeld held;
  held.epoch = {TRY(reader.u64())};
  held.final_view = {TRY(reader.u64())};
  held.lease = TRY(reader.u64());
  const std::uint8_t flags = TRY(reader.u8());
  if ((flags & ~(flag_needs_others | flag_silent | flag_lost)) != 0) {
    return fail(Code::malformed, base::format("a lease with the flags {}", flags));
  }
  held.needs_others = (flags & flag_needs_others) != 0;
  held.is_lost = (flags & flag_lost) != 0;
  if ((flags & flag_silent) != 0) held.silent_through = Epoch{TRY(reader.u64())};
  return held;
}

Result<SaidVotes> read_votes(Reader& reader) {
  SaidVotes said;
  said.has_more = TRY(read_flag(reader));
  const std::uint8_t count = TRY(reader.u8());
  if (count > signer_votes_max) {
    return fail(Code::too_large,
                base::format("a page of {} votes, limit {}", count, signer_votes_max));
  }
  for (std::uint8_t i = 0; i < count; ++i) {
    SaidVote vote{TRY(decode_statement(reader)), {}};
    TRY_VOID(read_into(reader, vote.signature));
    if (!said.votes.empty() && !(said.votes.back().statement < vote.statement)) {
      return fail(Code::malformed, "a page of votes that do not ascend");
    }
    said.votes.push_back(vote);
  }
  return said;
}

Result<SignerRefusal> read_refusal(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  if (kind < 1 || kind > 4) {
    return fail(Code::malformed, base::format("a refusal of kind {}: 1 to 4", kind));
  }
  return SignerRefusal{static_cast<RefusalKind>(kind),
                       TRY(read_text(reader, signer_why_bytes_max))};
}

}  // namespace

std::string signer_text(std::string_view text, std::size_t bytes_max) {
  std::string printable(text.substr(0, bytes_max));
  for (char& c : printable) c = is_printable(c) ? c : '?';
  return printable;
}

Bytes signed_bytes(const Hash& genesis, const ValidatorKey& key, const SignAsk& ask) {
  return std::visit(
      Overload{[&](const SignVote& vote) { return signed_bytes(genesis, vote.statement); },
               [&](const SignHello& hello) {
                 return base::to_bytes(tagged_hash("kith/validator-hello/1",
                                                   {genesis, hello.channel, hello.sender.bytes()}));
               },
               [&](const SignHeartbeat& beat) {
                 const Heartbeat heartbeat{key, beat.slot, beat.height, beat.digest, {}};
                 return base::to_bytes(heartbeat_hash(genesis, heartbeat));
               },
               [&](const SignAttestation& attestation) {
                 return base::to_bytes(attestation_hash(genesis, attestation.heartbeat));
               },
               [&](const SignSaid& said) {
                 return base::to_bytes(tagged_hash("kith/said-by/1", {genesis, said.message}));
               },
               [&](const SignVerdict& verdict) {
                 return base::to_bytes(verdict_message(genesis, verdict.dispute, verdict.digest));
               }},
      ask);
}

std::string describe(const SignAsk& ask) {
  return std::visit(
      Overload{[](const SignVote& vote) {
                 return base::format("{} of view {} in epoch {}", name_of(vote.statement.kind),
                                     vote.statement.view().value, vote.statement.epoch.value);
               },
               [](const SignHello&) { return std::string("a proof on a channel"); },
               [](const SignHeartbeat& beat) { return base::format("heartbeat {}", beat.slot); },
               [](const SignAttestation&) { return std::string("an attestation"); },
               [](const SignSaid&) { return std::string("a message said by gossip"); },
               [](const SignVerdict& verdict) {
                 return base::format("a verdict in dispute {}", verdict.dispute);
               }},
      ask);
}

Bytes encode(const SignerRequest& request) {
  Bytes bytes;
  Writer writer(bytes);
  const std::uint64_t number = request.number;
  std::visit(Overload{[&](const SignerHello& hello) {
                        begin(writer, kind_hello, number);
                        writer.u8(signer_version);
                        writer.bytes(hello.genesis);
                        write_text(writer, hello.name, signer_name_bytes_max);
                      },
                      [&](const LeaseAsk&) { begin(writer, kind_lease, number); },
                      [&](const LeaseLeave&) { begin(writer, kind_leave, number); },
                      [&](const SaidAsk& ask) {
                        begin(writer, kind_said, number);
                        writer.u64(ask.epoch.value);
                        writer.u8(ask.after ? 1 : 0);
                        if (ask.after) encode(writer, *ask.after);
                      },
                      [&](const FinalTold& told) {
                        begin(writer, kind_final, number);
                        writer.u64(told.epoch.value);
                        writer.u64(told.view.value);
                      },
                      [&](const StaleTold& told) {
                        begin(writer, kind_stale, number);
                        writer.u64(told.epoch.value);
                      },
                      [&](const SignAsk& ask) { write(writer, number, ask); },
                      [&](const ProveHeight& prove) {
                        begin(writer, kind_prove, number);
                        writer.u64(prove.height.value);
                      }},
             request.what);
  return bytes;
}

Bytes encode(const SignerAnswer& answer) {
  Bytes bytes;
  Writer writer(bytes);
  const std::uint64_t number = answer.number;
  std::visit(
      Overload{[&](const SignerWelcome& welcome) {
                 begin(writer, kind_welcome, number);
                 writer.bytes(welcome.key);
               },
               [&](const LeaseHeld& held) {
                 begin(writer, kind_held, number);
                 writer.u64(held.epoch.value);
                 writer.u64(held.final_view.value);
                 writer.u64(held.lease);
                 writer.u8(static_cast<std::uint8_t>((held.needs_others ? flag_needs_others : 0) |
                                                     (held.silent_through ? flag_silent : 0) |
                                                     (held.is_lost ? flag_lost : 0)));
                 if (held.silent_through) writer.u64(held.silent_through->value);
               },
               [&](const LeaseTaken& taken) {
                 begin(writer, kind_taken, number);
                 write_text(writer, taken.holder, signer_name_bytes_max);
               },
               [&](const SaidVotes& said) {
                 ASSERT(said.votes.size() <= signer_votes_max);
                 begin(writer, kind_votes, number);
                 writer.u8(said.has_more ? 1 : 0);
                 writer.u8(static_cast<std::uint8_t>(said.votes.size()));
                 for (const SaidVote& vote : said.votes) {
                   encode(writer, vote.statement);
                   writer.bytes(vote.signature);
                 }
               },
               [&](const SignatureGiven& given) {
                 begin(writer, kind_signature, number);
                 writer.bytes(given.signature);
               },
               [&](const SignerRefusal& refusal) {
                 begin(writer, kind_refusal, number);
                 writer.u8(static_cast<std::uint8_t>(refusal.kind));
                 write_text(writer, refusal.why, signer_why_bytes_max);
               },
               [&](const ProofGiven& given) {
                 begin(writer, kind_proof, number);
                 writer.bytes(given.proof);
               }},
      answer.what);
  return bytes;
}

Result<SignerRequest> decode_signer_request(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  SignerRequest request{TRY(reader.u64()), {}};
  switch (kind) {
    case kind_hello: request.what = TRY(read_hello(reader)); break;
    case kind_lease: request.what = LeaseAsk{}; break;
    case kind_leave: request.what = LeaseLeave{}; break;
    case kind_said: request.what = TRY(read_said(reader)); break;
    case kind_final: {
      FinalTold told{{TRY(reader.u64())}, {}};
      told.view = {TRY(reader.u64())};
      request.what = told;
      break;
    }
    case kind_stale: request.what = StaleTold{{TRY(reader.u64())}}; break;
    case kind_prove: request.what = ProveHeight{{TRY(reader.u64())}}; break;
    default: request.what = TRY(read_ask(reader, kind));
  }
  TRY_VOID(reader.finish());
  return request;
}

Result<SignerAnswer> decode_signer_answer(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  SignerAnswer answer{TRY(reader.u64()), {}};
  switch (kind) {
    case kind_welcome: {
      SignerWelcome welcome;
      TRY_VOID(read_into(reader, welcome.key));
      answer.what = welcome;
      break;
    }
    case kind_held: answer.what = TRY(read_held(reader)); break;
    case kind_taken: answer.what = LeaseTaken{TRY(read_text(reader, signer_name_bytes_max))}; break;
    case kind_votes: answer.what = TRY(read_votes(reader)); break;
    case kind_signature: {
      SignatureGiven given;
      TRY_VOID(read_into(reader, given.signature));
      answer.what = given;
      break;
    }
    case kind_refusal: answer.what = TRY(read_refusal(reader)); break;
    case kind_proof: {
      ProofGiven given;
      TRY_VOID(read_into(reader, given.proof));
      answer.what = given;
      break;
    }
    default: return fail(Code::unsupported, base::format("an answer of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return answer;
}

}  // namespace kith::codec

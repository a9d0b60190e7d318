#include "node/consensus_service.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "crypto/ed25519_zip215.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace kith::node {
namespace {

constexpr Token open_token{1};
constexpr std::uint8_t hello_version = 1;
constexpr std::size_t hello_bytes_max = 1 + 32 + 1 + 32 + 64 + 32;
// What a hello holds.
constexpr std::uint8_t has_key = 1;
constexpr std::uint8_t has_mesh_proof = 2;

/// What a validator signs to prove itself on a channel.
codec::Hash hello_hash(const codec::Hash& genesis, const crypto::Hash256& channel,
                       const PeerId& sender) {
  return codec::tagged_hash("kith/validator-hello/1", {genesis, channel, sender.bytes()});
}

/// What only a member of the mesh can make, for this channel and way alone: the other side cannot
/// send it back as its own.
codec::Hash mesh_proof(const codec::Hash& token, const codec::Hash& genesis,
                       const crypto::Hash256& channel, const PeerId& sender) {
  constexpr std::string_view tag = "kith/mesh/1";
  constexpr std::array<std::uint8_t, 1> end{0};
  return crypto::hmac_sha256(token, {base::as_bytes(tag), end, genesis, channel, sender.bytes()});
}

}  // namespace

ConsensusService::ConsensusService(const ConsensusServiceConfig& config, const PeerId& self,
                                   std::optional<codec::ValidatorKey> key)
    : config_(config), self_(self), key_(key) {}

void ConsensusService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(Overload{[&](const host::PeerUp& up) { peers_.try_emplace(up.peer); },
                      [&](const host::PeerDown& down) {
                        reopening_.set(down.peer, std::nullopt);
                        peers_.erase(down.peer);
                      },
                      [&](const host::PeerIdentified& identified) {
                        const auto found = peers_.find(identified.peer);
                        const auto& protocols = identified.message->protocols;
                        if (found == peers_.end()) return;
                        found->second.speaks =
                            std::ranges::count(protocols, consensus_protocol) > 0;
                        open(identified.peer, found->second);
                      },
                      [&](const host::StreamUp& up) { on_stream_up(now, up); },
                      [&](const host::StreamOpenFailed& failed) {
                        const auto found = peers_.find(failed.peer);
                        if (found == peers_.end()) return;
                        found->second.is_opening = false;
                        if (failed.error.code == Code::unsupported) return;
                        open_later(now, failed.peer, found->second);
                      },
                      [&](const host::StreamData& data) { on_data(now, data); },
                      [&](const host::StreamRoom& told) {
                        const auto found = outbound_.find(told.stream);
                        if (found == outbound_.end()) return;
                        Peer& peer = peers_.at(found->second);
                        peer.room = told.room;
                        flush(peer);
                      },
                      [&](const host::StreamEnd& end) {
                        if (inbound_.contains(end.stream)) say(host::Finish{end.stream});
                      },
                      [&](const host::StreamDown& down) { on_stream_down(now, down.stream); },
                      host::WithoutMessages{}},
             event);
}

void ConsensusService::on_stream_up(Instant now, const host::StreamUp& up) {
  const auto found = peers_.find(up.peer);
  if (found == peers_.end()) return say(host::Reset{up.stream});
  Peer& peer = found->second;
  if (up.direction == Direction::inbound) {
    if (peer.in) {
      inbound_.erase(*peer.in);
      say(host::Reset{*peer.in});
    }
    peer.in = up.stream;
    peer.channel = up.channel;
    peer.reader.emplace(codec::FramePrefix::varint, hello_bytes_max);
    peer.has_said_hello = false;
    peer.key.reset();
    if (!peer.small) peer.small.emplace(config_.small_rate, now);
    inbound_.emplace(up.stream, up.peer);
    peer.speaks = true;
    return open(up.peer, peer);
  }
  peer.is_opening = false;
  peer.out = up.stream;
  peer.room = up.room;
  peer.rest = {};
  outbound_.emplace(up.stream, up.peer);
  // What waited was for a stream that is gone; on this one the hello comes first.
  peer.queue = {};
  peer.queue_bytes = 0;
  peer.out_channel.reset();
  if (!key_) return say_hello(peer, up.channel, std::nullopt);
  peer.out_channel = up.channel;
  asks_.push_back({up.channel, self_});
}

std::optional<codec::SignHello> ConsensusService::poll_ask() {
  if (asks_.empty()) return std::nullopt;
  return asks_.pop_front();
}

void ConsensusService::on_signed(const codec::SignHello& asked,
                                 const base::Result<crypto::Signature>& signature) {
  for (auto& [id, peer] : peers_) {
    if (!peer.out || peer.out_channel != asked.channel) continue;
    peer.out_channel.reset();
    say_hello(peer, asked.channel, signature ? std::optional(*signature) : std::nullopt);
  }
}

void ConsensusService::on_key_usable() {
  for (auto& [id, peer] : peers_) {
    if (!peer.out || !peer.is_unproven) continue;
    outbound_.erase(*peer.out);
    say(host::Reset{*std::exchange(peer.out, std::nullopt)});
    open(id, peer);
  }
}

/// Before all that waits for the stream.
void ConsensusService::say_hello(Peer& peer, const crypto::Hash256& channel,
                                 const std::optional<crypto::Signature>& signature) {
  peer.is_unproven = key_ && !signature;
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(hello_version);
  writer.bytes(config_.genesis);
  const bool is_member = config_.mesh_token.has_value();
  writer.u8(
      static_cast<std::uint8_t>((signature ? has_key : 0) | (is_member ? has_mesh_proof : 0)));
  if (signature) {
    writer.bytes(*key_);
    writer.bytes(*signature);
  }
  if (is_member) {
    writer.bytes(mesh_proof(*config_.mesh_token, config_.genesis, channel, self_));
  }
  Bytes framed;
  codec::append_frame(framed, codec::FramePrefix::varint, bytes);
  peer.rest = Buffer(std::move(framed));
  flush(peer);
}

void ConsensusService::on_data(Instant now, const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  const auto found = inbound_.find(data.stream);
  if (found == inbound_.end()) return;
  const PeerId id = found->second;
  Peer& peer = peers_.at(id);
  ByteView bytes = data.data;
  while (peer.in == data.stream) {
    const auto frame = peer.reader->next(bytes);
    if (!frame) return say(host::Fault{id, frame.error()});
    if (!*frame) return;
    on_frame(now, id, peer, **frame);
  }
}

void ConsensusService::on_frame(Instant now, const PeerId& id, Peer& peer, ByteView frame) {
  if (!peer.has_said_hello) {
    if (auto said = on_hello(id, peer, frame); !said) {
      // Of another chain, of another version of this, or no member: not ours to judge.
      ++refused_;
      inbound_.erase(*peer.in);
      say(host::Reset{*std::exchange(peer.in, std::nullopt)});
    }
    return;
  }
  if (!is_validator(peer) && !peer.small->take(config_.small_rate, now)) {
    ++dropped_;
    return;
  }
  auto message = codec::decode_consensus_message(frame);
  if (!message) return say(host::Fault{id, std::move(message).error()});
  results_.push_back(consensus::Heard{id, std::move(*message), peer.key});
}

base::Result<void> ConsensusService::on_hello(const PeerId& id, Peer& peer, ByteView frame) {
  codec::Reader reader(frame);
  const std::uint8_t version = TRY(reader.u8());
  const ByteView genesis = TRY(reader.bytes(config_.genesis.size()));
  const std::uint8_t holds = TRY(reader.u8());
  if (version != hello_version || !base::equal(genesis, config_.genesis)) {
    return fail(Code::wrong_peer, "the peer is of another chain");
  }
  if ((holds & ~(has_key | has_mesh_proof)) != 0) {
    return fail(Code::unsupported, base::format("a hello of kind {}", holds));
  }
  std::optional<codec::ValidatorKey> proven;
  if ((holds & has_key) != 0) {
    codec::ValidatorKey key{};
    std::ranges::copy(TRY(reader.bytes(key.size())), key.begin());
    const ByteView signature = TRY(reader.bytes(sizeof(crypto::Signature)));
    TRY_VOID(crypto::verify_zip215(key, hello_hash(config_.genesis, peer.channel, id), signature));
    proven = key;
  }
  const ByteView proof = TRY(reader.bytes((holds & has_mesh_proof) != 0 ? sizeof(codec::Hash) : 0));
  TRY_VOID(reader.finish());
  if (config_.mesh_token &&
      !crypto::equal_in_constant_time(
          proof, mesh_proof(*config_.mesh_token, config_.genesis, peer.channel, id))) {
    return fail(Code::wrong_peer, "the peer is no member of this mesh");
  }
  peer.key = proven;
  peer.has_said_hello = true;
  const bool is_proven = is_validator(peer);
  peer.reader.emplace(codec::FramePrefix::varint,
                      is_proven ? config_.frame_bytes_max : config_.small_bytes_max);
  if (is_proven) results_.push_back(Proven{*peer.key, id});
  return {};
}

/// The set is public, and so is who is in it: nothing here is to be kept from a stopwatch.
bool ConsensusService::is_validator(const Peer& peer) const {
  return peer.key && validators_.contains(*peer.key);
}

void ConsensusService::set_validators(const codec::ValidatorSet& validators) {
  std::set<codec::ValidatorKey> before;
  for (const codec::Validator& validator : validators.all()) before.insert(validator.key);
  std::swap(before, validators_);
  for (auto& [id, peer] : peers_) {
    if (!peer.in || !is_validator(peer)) continue;
    if (before.contains(*peer.key)) {
      results_.push_back(Proven{*peer.key, id});
    } else {
      // What it may send is another size from now on: it opens a new stream.
      inbound_.erase(*peer.in);
      say(host::Reset{*std::exchange(peer.in, std::nullopt)});
    }
  }
}

void ConsensusService::on_stream_down(Instant now, StreamId stream) {
  if (const auto in = inbound_.extract(stream); !in.empty()) {
    const auto peer = peers_.find(in.mapped());
    if (peer == peers_.end() || peer->second.in != stream) return;
    peer->second.in.reset();
    peer->second.key.reset();
    peer->second.reader.reset();
    return;
  }
  const auto out = outbound_.extract(stream);
  if (out.empty()) return;
  const auto peer = peers_.find(out.mapped());
  if (peer == peers_.end() || peer->second.out != stream) return;
  peer->second.out.reset();
  open_later(now, out.mapped(), peer->second);
}

void ConsensusService::open(const PeerId& id, Peer& peer) {
  if (peer.out || peer.is_opening || !peer.speaks) return;
  peer.is_opening = true;
  reopening_.set(id, std::nullopt);
  say(host::Open{open_token, id, {std::string(consensus_protocol)}});
}

void ConsensusService::open_later(Instant now, const PeerId& id, Peer& peer) {
  reopening_.set(id, now + peer.reopen_after);
  peer.reopen_after = std::min<Duration>(2 * peer.reopen_after, reopen_delay_max);
}

void ConsensusService::on_deadline(Instant now) {
  while (const auto id = reopening_.pop_due(now)) open(*id, peers_.at(*id));
}

// --- sending -------------------------------------------------------------------------------------

void ConsensusService::broadcast(const Buffer& message) {
  for (auto& [id, peer] : peers_) {
    if (peer.out) enqueue(peer, message);
  }
}

void ConsensusService::send(const codec::ValidatorKey& to, const Buffer& message) {
  for (auto& [id, peer] : peers_) {
    if (peer.out && peer.key == to) enqueue(peer, message);
  }
}

void ConsensusService::send(const PeerId& to, const Buffer& message) {
  const auto found = peers_.find(to);
  if (found != peers_.end() && found->second.out) enqueue(found->second, message);
}

void ConsensusService::enqueue(Peer& peer, const Buffer& message) {
  Bytes prefix(codec::frame_prefix_bytes_max);
  prefix.resize(codec::write_frame_prefix(prefix, codec::FramePrefix::varint, message.size()));
  peer.queue.push_back(Buffer(std::move(prefix)));
  peer.queue.push_back(message);
  peer.queue_bytes += message.size();
  while (peer.queue_bytes > config_.queue_bytes_max && peer.queue.size() > 2) {
    peer.queue.pop_front();  // its prefix
    peer.queue_bytes -= peer.queue.pop_front().size();
    ++dropped_;
  }
  flush(peer);
}

/// A message goes whole or not at all, so what is begun is finished first.
void ConsensusService::flush(Peer& peer) {
  const auto write = [&](Buffer& buffer) {
    const std::size_t size = std::min(peer.room, buffer.size());
    if (size == 0) return buffer.empty();
    say(host::Write{*peer.out, buffer.slice(0, size)});
    peer.room -= size;
    buffer = buffer.slice(size, buffer.size() - size);
    return buffer.empty();
  };
  if (!peer.out || peer.out_channel || !write(peer.rest)) return;
  while (!peer.queue.empty()) {
    // Prefix and body are one: the prefix is short, and the body follows it into `rest`.
    if (peer.room < codec::frame_prefix_bytes_max) return;
    Buffer prefix = peer.queue.pop_front();
    write(prefix);
    peer.rest = peer.queue.pop_front();
    peer.queue_bytes -= peer.rest.size();
    if (!write(peer.rest)) return;
  }
}

// --- looking -------------------------------------------------------------------------------------

std::optional<ConsensusService::Result> ConsensusService::poll_result() {
  if (results_.empty()) return std::nullopt;
  return results_.pop_front();
}

std::size_t ConsensusService::validators_connected() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      peers_, [&](const auto& each) { return each.second.in && is_validator(each.second); }));
}

std::optional<PeerId> ConsensusService::peer_of(const codec::ValidatorKey& key) const {
  for (const auto& [id, peer] : peers_) {
    if (peer.in && peer.key == key) return id;
  }
  return std::nullopt;
}

}  // namespace kith::node

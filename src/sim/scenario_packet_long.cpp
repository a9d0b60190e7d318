#include "sim/scenario_packet_long.h"

#include <malloc.h>

#include <algorithm>

#include "base/endian.h"
#include "base/format.h"
#include "sim/trace_hash.h"

namespace kith::sim {
namespace {

constexpr Duration long_rotation_pause = 10min, long_look_pause = 1h;
/// Before the heap is looked at, so that nothing is under way and what is idle is given back.
constexpr Duration long_silence = 40s;
constexpr std::uint64_t long_looks_to_settle = 2, long_looks_to_settle_most = 48;
constexpr std::size_t long_message_bytes_max = 6000, long_datagram_bytes = 500;

/// 0 where the allocator does not say, as under sanitizers.
std::uint64_t long_heap_bytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

PacketLong::PacketLong(const PacketLongConfig& config)
    : config_(config), pattern_(config.seed), rng_(mix_words(config.seed, 6)) {
  net_config_ = {.nodes = 2, .seed = config.seed, .tick = 1ms, .node = {}, .is_tapped = false};
  net_ = std::make_unique<PacketNet>(net_config_, static_cast<PacketApp&>(*this));
  const LinkModel model{.latency = 20ms, .jitter = 2ms, .loss = 0.01};
  net_->topology().set_pair(0, 1, model);
  net_->on_action = [this](std::uint32_t, std::uint32_t) { on_action(); };
}

PacketLong::~PacketLong() = default;

void PacketLong::complain(const char* invariant, std::string what) {
  if (violations_.size() < PacketField::violations_max) {
    violations_.push_back({invariant, std::move(what), net_->now()});
  }
}

void PacketLong::run() {
  began_ = net_->now();
  ends_ = began_ + config_.duration;
  rotates_at_ = began_ + long_rotation_pause;
  looks_at_ = began_ + long_look_pause;
  opens_at_ = began_ + 1min;
  net_->node(0).dial(net_->now(), 0, net_->path(0, 1), net_->node(1).peer());
  net_->turn(0);
  net_->at(net_->now() + 1s, 0, 0);
  net_->run(ends_ + 2min, [] { return false; });
  check_end();
}

/// The next thing that is said, or the end.
void PacketLong::on_action() {
  const Instant now = net_->now();
  const bool both_up = sides_[0].is_up && sides_[1].is_up;
  if (!both_up) {
    complain("one session lasts", "it is not up");
    return;
  }
  if (now >= ends_) {
    is_over_ = true;
    figures_.rotations = net_->node(0).rotations(sides_[0].slot);
    net_->node(0).say(now, sides_[0].slot, packet::CloseConnection{});
    return net_->turn(0);
  }
  if (now >= looks_at_) {
    look_at_heap();
    looks_at_ += long_look_pause;
  }
  talk();
  net_->turn(0);
  net_->turn(1);
  const Instant next = now + config_.pause;
  const bool is_silent = next + long_silence >= looks_at_;
  net_->at(is_silent ? std::max(looks_at_, next) : next, 0, 0);
}

std::uint64_t PacketLong::start_of(std::uint32_t side, std::uint64_t number) const {
  return mix_words(number, config_.seed + side) % PacketPattern::period;
}

void PacketLong::talk() {
  const Instant now = net_->now();
  const auto side = static_cast<std::uint32_t>(rng_.below(2));
  Side& own = sides_[side];
  packet::Services& to = *services(side);
  const std::uint64_t start = start_of(side, own.sent);
  const std::size_t size = 1 + start % long_message_bytes_max;
  const auto number = to.send_message(now, pattern_.part(start, size), {});
  if (!number || *number != own.sent) {
    complain("messages can be sent", number ? "another number" : to_string(number.error()));
  } else {
    own.open.emplace(own.sent++, false);
  }
  Bytes datagram(long_datagram_bytes);
  base::store_big_endian(ByteSpan(datagram), 0, ++own.datagrams);
  if (to.send_datagram(Buffer(std::move(datagram)))) ++figures_.datagrams_sent;
  if (now >= opens_at_) {
    opens_at_ = now + config_.stream_pause;
    open_stream(side);
  }
  if (now >= rotates_at_) {
    rotates_at_ = now + long_rotation_pause;
    net_->node(side).rotate(now, own.slot);
  }
}

void PacketLong::open_stream(std::uint32_t side) {
  packet::Services& to = *services(side);
  const auto stream = to.open_stream(packet::importance_default);
  if (!stream) return complain("streams can be opened", to_string(stream.error()));
  ++figures_.streams;
  std::size_t written = 0;
  while (written < config_.stream_bytes) {
    const std::size_t size = std::min(PacketPattern::part_max, config_.stream_bytes - written);
    to.write(*stream, pattern_.part(start_of(side, *stream) + written, size));
    written += size;
  }
  to.finish(*stream);
  sides_[side].written[*stream] = config_.stream_bytes;
}

// --- nodes say -----------------------------------------------------------------------------------

void PacketLong::on_up(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t, Direction,
                       const secure::SessionEstablished& session) {
  const std::uint32_t side = node.index();
  if (!(session.peer == net_->node(1 - side).peer())) {
    complain("nobody is taken for another", base::format("side {}", side));
  }
  sides_[side].slot = slot;
  sides_[side].is_up = true;
}

void PacketLong::on_service(PacketNode& node, packet::ConnectionSlot, std::uint32_t,
                            packet::ServicesOutput& output) {
  const std::uint32_t side = node.index();
  Side& own = sides_[side];
  Side& peer = sides_[1 - side];
  std::visit(
      Overload{
          [&](packet::StreamAccepted&) {},
          [&](packet::StreamBytes& bytes) {
            std::uint64_t& read = own.read[bytes.stream];
            if (!pattern_.fits(start_of(1 - side, bytes.stream) + read, bytes.data)) {
              complain("streams arrive as written", base::format("stream {}", bytes.stream));
            }
            read += bytes.data.size();
            figures_.bytes += bytes.data.size();
            services(side)->consume(net_->now(), bytes.stream, bytes.data.size());
          },
          [&](packet::StreamWritable&) {},
          [&](packet::StreamFinished& finished) {
            if (peer.written.contains(finished.stream)) {
              if (own.read[finished.stream] != peer.written[finished.stream]) {
                complain("streams end as they should", base::format("stream {}", finished.stream));
              }
              services(side)->finish(finished.stream);
            }
          },
          [&](packet::StreamStopped&) { complain("streams end as they should", "one is stopped"); },
          [&](packet::StreamClosed& closed) {
            if (closed.error != nullptr && !is_over_) {
              complain("streams end as they should", to_string(*closed.error));
            }
            own.read.erase(closed.stream);
            own.written.erase(closed.stream);
          },
          [&](packet::MessageArrived& message) { on_message(side, message); },
          [&](packet::MessageDone& done) { on_done(side, done); },
          [&](packet::DatagramArrived& datagram) {
            ++figures_.datagrams;
            const bool fits =
                datagram.data.size() == long_datagram_bytes &&
                base::load_big_endian<std::uint32_t>(datagram.data, 0) <= peer.datagrams;
            if (!fits) complain("datagrams arrive as said", "another one");
          },
      },
      output);
}

void PacketLong::on_message(std::uint32_t side, const packet::MessageArrived& message) {
  Side& peer = sides_[1 - side];
  const auto said = peer.open.find(message.number);
  if (said == peer.open.end() || said->second) {
    return complain("messages arrive once", base::format("message {}", message.number));
  }
  said->second = true;
  const std::uint64_t start = start_of(1 - side, message.number);
  std::uint64_t size = 0;
  bool fits = true;
  for (const ByteView piece : message.pieces) {
    fits = fits && pattern_.fits(start + size, piece);
    size += piece.size();
  }
  if (!fits || size != 1 + start % long_message_bytes_max) {
    complain("messages arrive as said", base::format("message {}", message.number));
  }
  ++peer.arrived;
  ++figures_.messages;
  figures_.bytes += size;
  services(side)->consume_message(message.number);
}

void PacketLong::on_done(std::uint32_t side, const packet::MessageDone& done) {
  Side& own = sides_[side];
  const auto said = own.open.find(done.number);
  if (said == own.open.end() || !done.was_delivered || !said->second) {
    complain("what was acknowledged has arrived", base::format("message {}", done.number));
  }
  if (said != own.open.end()) own.open.erase(said);
  ++own.done;
}

void PacketLong::on_end(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t,
                        const std::optional<Error>& error) {
  if (error || !is_over_) {
    complain("one session lasts", error ? to_string(*error) : "it was closed");
  }
  sides_[node.index()].is_up = false;
  const packet::ConnectionStats stats = node.connection(slot)->stats();
  figures_.packets_sent += stats.packets_sent;
  figures_.packets_lost += stats.recovery.packets_lost;
  figures_.packets_resent += stats.packets_resent;
}

// --- what must not grow --------------------------------------------------------------------------

void PacketLong::look_at_heap() {
  const std::uint64_t bytes = long_heap_bytes();
  const std::uint64_t settles =
      config_.duration > 72h ? long_looks_to_settle_most : long_looks_to_settle;
  if (++figures_.looks < settles || bytes == 0) return;
  if (figures_.heap_first == 0) figures_.heap_first = bytes;
  figures_.heap_last = bytes;
  figures_.heap_most = std::max(figures_.heap_most, bytes);
  if (bytes > figures_.heap_first + config_.growth_max) {
    complain("memory does not grow", base::format("{} bytes after {} h, {} after {} h", bytes,
                                                  figures_.looks, figures_.heap_first, settles));
    figures_.heap_first = bytes;
  }
}

void PacketLong::check_end() {
  for (const Side& side : sides_) {
    if (side.arrived != side.sent || side.done != side.sent || !side.open.empty()) {
      complain("a clean end loses nothing", base::format("{} messages sent, {} came, {} done",
                                                         side.sent, side.arrived, side.done));
    }
    if (side.is_up) complain("all sessions end", "it is still up");
  }
  for (std::uint32_t index : {0U, 1U}) {
    if (net_->node(index).endpoint().connection_count() > 0) {
      complain("nothing is left", base::format("a connection of node {}", index));
    }
  }
}

}  // namespace kith::sim

#include "packet/endpoint.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"

namespace kith::packet {
namespace {

constexpr std::uint32_t id_generation_bits = 12;
constexpr std::uint32_t id_generation_mask = (1U << id_generation_bits) - 1;
/// How far the next generation of an id's slot is from the last one.
constexpr std::uint64_t id_steps_max = 8;
constexpr std::size_t ids_free_min = 128;
constexpr std::size_t ids_max = std::size_t{1} << (32 - id_generation_bits);

/// Equal times by index, so that the order does not depend on what was before.
constexpr auto is_later = [](const auto& a, const auto& b) {
  return a.at != b.at ? a.at > b.at : a.index > b.index;
};

}  // namespace

Endpoint::Endpoint(const EndpointConfig& config, Rng& rng, Instant now)
    : config_(config),
      rng_(rng),
      cookies_(rng, now),
      hints_({config.hints_per_second, config.hints_per_second}, now),
      reset_looks_({config.hints_per_second, config.hints_per_second}, now) {
  ASSERT(config.connections_max < (std::size_t{1} << slot_index_bits));
}

// Connections give their ids back as they go; those are of no use to anybody then.
Endpoint::~Endpoint() {
  ended_.clear();
  entries_.clear();
}

void Endpoint::on_input(Instant now, Input input) {
  std::visit(Overload{
                 [&](DialPath& dial) {
                   const auto slot = create(now, Direction::outbound, dial.path, {});
                   if (slot) {
                     outputs_.push_back(Dialled{dial.token, *slot});
                   } else {
                     outputs_.push_back(NotDialled{
                         dial.token,
                         {Code::limit, base::format("{} connections, limit {}", connection_count_,
                                                    config_.connections_max)}});
                   }
                 },
                 [&](Decide& decision) { decide(now, decision); },
                 [&](ToConnection& to) {
                   Connection* connection = find(to.slot);
                   if (connection != nullptr) connection->on_input(now, std::move(to.input));
                 },
             },
             input);
}

void Endpoint::on_deadline(Instant now) {
  ended_.clear();
  for (forget_stale(); !due_.empty() && due_.front().at <= now; forget_stale()) {
    const std::uint32_t index = due_.front().index;
    Entry& entry = entries_[index];
    entry.armed_at.reset();
    entry.connection->on_deadline(now);
    touch(slot_at(index));
  }
  forget_closed(now);
  settle(now);
}

std::optional<Endpoint::Output> Endpoint::poll_output(Instant now) {
  settle(now);
  if (!outputs_.empty()) return outputs_.pop_front();
  while (!talking_.empty()) {
    const ConnectionSlot slot = talking_.front();
    Entry& entry = entry_of(slot);
    if (look_at(slot) != nullptr) {
      if (auto output = entry.connection->poll_output(now)) {
        return FromConnection{slot, std::move(*output)};
      }
    }
    talking_.pop_front();
    if (look_at(slot) == nullptr) continue;
    entry.is_touched = false;
    update(now, slot);
  }
  return std::nullopt;
}

std::optional<Instant> Endpoint::next_deadline() {
  forget_stale();
  std::optional<Instant> next;
  if (!due_.empty()) next = due_.front().at;
  if (!closed_.empty()) next = base::soonest(next, closed_.front().until);
  return next;
}

Connection* Endpoint::find(ConnectionSlot slot) {
  if (look_at(slot) == nullptr) return nullptr;
  touch(slot);
  return entry_of(slot).connection.get();
}

const Connection* Endpoint::look_at(ConnectionSlot slot) const {
  const std::uint32_t index = index_of(slot);
  if (index >= entries_.size() || slot_at(index) != slot) return nullptr;
  return entries_[index].connection.get();
}

ConnectionSlot Endpoint::slot_at(std::uint32_t index) const {
  return {entries_[index].generation << slot_index_bits | index};
}

// --- out -----------------------------------------------------------------------------------------

base::DatagramsOut Endpoint::poll_datagrams(Instant now, ByteSpan room) {
  settle(now);
  if (!answers_.empty()) {
    const Answer said = answers_.pop_front();
    ASSERT(said.size <= room.size());
    std::memcpy(room.data(), said.bytes.data(), said.size);
    return along(said.path, said.size, said.size);
  }
  if (!repeats_.empty()) {
    const auto [path, bytes] = repeats_.pop_front();
    std::memcpy(room.data(), bytes.data(), bytes.size());
    return along(path, bytes.size(), bytes.size());
  }
  while (!ready_.empty()) {
    const ConnectionSlot slot = ready_.pop_front();
    if (look_at(slot) == nullptr) continue;
    Entry& entry = entry_of(slot);
    entry.is_ready = false;
    const base::DatagramsOut out = entry.connection->poll_packets(now, room);
    // Sending makes room, and a close may go on: it may have something to tell.
    touch(slot);
    if (out.bytes == 0) {
      // Only time helps: that must be known although nobody asks for outputs now.
      const auto next = entry.connection->next_deadline();
      if (next && (!entry.armed_at || *next < *entry.armed_at)) arm(index_of(slot), *next);
      continue;
    }
    if (entry.connection->has_transmit(now)) {
      entry.is_ready = true;
      ready_.push_back(slot);  // behind the others
    }
    settle(now);
    return out;
  }
  settle(now);
  return {};
}

// --- connections ---------------------------------------------------------------------------------

std::optional<ConnectionSlot> Endpoint::create(Instant now, Direction direction, const Path& path,
                                               ConnectionId peer) {
  if (connection_count_ >= config_.connections_max) return std::nullopt;
  if (free_entries_.empty()) {
    free_entries_.push_back(static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::uint32_t index = free_entries_.back();
  const ConnectionSlot slot = slot_at(index);
  const auto id = take_id(slot);
  if (!id) return std::nullopt;
  free_entries_.pop_back();
  ++connection_count_;
  entries_[index].connection =
      std::make_unique<Connection>(config_.packet, Carrier::datagrams, direction, path, *id, rng_,
                                   now, static_cast<ConnectionIds*>(this), slot, peer);
  touch(slot);
  return slot;
}

/// What a connection wants after it was touched: to send, to speak, to be woken, to go.
void Endpoint::update(Instant now, ConnectionSlot slot) {
  const std::uint32_t index = index_of(slot);
  Entry& entry = entries_[index];
  Connection& connection = *entry.connection;
  if (entry.is_handshaking && connection.state() != State::syn_received) {
    entry.is_handshaking = false;
    std::erase(handshaking_, slot);
  }
  const bool has_transmit = connection.has_transmit(now);
  if (has_transmit && !entry.is_ready) {
    entry.is_ready = true;
    ready_.push_back(slot);
  }
  if (connection.state() == State::closed && !has_transmit) return reap(now, slot);
  // A later deadline is not worth a heap's operation: it comes early, and sets itself anew.
  const auto next = connection.next_deadline();
  if (!next || (entry.armed_at && *entry.armed_at <= *next)) return;
  // What is due now and can only be met by sending waits for that, and not for the time.
  if (*next <= now && entry.is_ready) return;
  arm(index, *next);
}

void Endpoint::arm(std::uint32_t index, Instant at) {
  entries_[index].armed_at = at;
  due_.push_back({at, index});
  std::ranges::push_heap(due_, is_later);
  // Those that hold no more are thrown away before they are the most.
  if (due_.size() < 2 * connection_count_ + 64) return;
  std::erase_if(due_, [&](const Due& due) { return entries_[due.index].armed_at != due.at; });
  std::ranges::make_heap(due_, is_later);
}

void Endpoint::forget_stale() {
  while (!due_.empty() && entries_[due_.front().index].armed_at != due_.front().at) {
    std::ranges::pop_heap(due_, is_later);
    due_.pop_back();
  }
}

void Endpoint::reap(Instant now, ConnectionSlot slot) {
  const std::uint32_t index = index_of(slot);
  Entry& entry = entries_[index];
  const ByteView error = entry.connection->last_error_packet();
  if (!error.empty() && closed_.size() < config_.closed_max) {
    Closed closed{.until = now + config_.closed_for, .packet = base::to_bytes(error), .ids = {}};
    const auto number = closed_popped_ + static_cast<std::uint32_t>(closed_.size());
    for (const ConnectionId id : entry.connection->own_ids()) {
      IdEntry& known = ids_[id.value >> id_generation_bits];
      known.use = IdUse::closed;
      known.target = number;
      closed.ids.push_back(id);
    }
    closed_.push_back(std::move(closed));
  }
  if (entry.is_handshaking) std::erase(handshaking_, slot);
  // Views into it may still be on their way: it goes when the next batch comes.
  ended_.push_back(std::move(entry.connection));
  const std::uint32_t generation = (entry.generation + 1) & (~0U >> slot_index_bits);
  entry = Entry{};
  entry.generation = generation;
  --connection_count_;
  free_entries_.push_back(index);
}

void Endpoint::forget_closed(Instant now) {
  while (!closed_.empty() && closed_.front().until <= now) {
    const Closed closed = std::move(closed_.front());
    closed_.pop_front();
    ++closed_popped_;
    for (const ConnectionId id : closed.ids) {
      ids_[id.value >> id_generation_bits].use = IdUse::live;
      give_back(id);
    }
  }
}

void Endpoint::touch(ConnectionSlot slot) {
  Entry& entry = entry_of(slot);
  if (entry.is_touched) return;
  entry.is_touched = true;
  touched_.push_back(slot);
}

/// Those that were touched may have outputs: they are asked in turn.
void Endpoint::settle(Instant) {
  for (const ConnectionSlot slot : touched_) talking_.push_back(slot);
  touched_.clear();
}

// --- ids -----------------------------------------------------------------------------------------

std::optional<ConnectionId> Endpoint::take_id(ConnectionSlot slot) {
  if (free_ids_.size() < ids_free_min && ids_.size() < ids_max) {
    // Slots are taken from a shuffled block, so that ids say little of how many there are.
    std::vector<std::uint32_t> block(std::min<std::size_t>(ids_max - ids_.size(), 256));
    std::iota(block.begin(), block.end(), static_cast<std::uint32_t>(ids_.size()));
    for (std::size_t left = block.size(); left > 1; --left) {
      std::swap(block[left - 1], block[rng_.below(left)]);
    }
    ids_.resize(ids_.size() + block.size());
    for (const std::uint32_t index : block) free_ids_.push_back(index);
  }
  if (free_ids_.empty()) return std::nullopt;
  const std::uint32_t index = free_ids_.pop_front();
  IdEntry& entry = ids_[index];
  // No id comes again before some 60,000 others: a cookie is of one second, one address and one id.
  const std::uint64_t step = entry.generation == 0 ? id_generation_mask : id_steps_max;
  entry.generation = static_cast<std::uint16_t>(
      (entry.generation + rng_.below(step)) % id_generation_mask + 1);  // 0 for none
  entry.use = IdUse::live;
  entry.target = slot.value;
  return ConnectionId{index << id_generation_bits | entry.generation};
}

void Endpoint::give_back(ConnectionId id) {
  IdEntry& entry = ids_[id.value >> id_generation_bits];
  if (entry.use != IdUse::live) return;  // remembered as closed
  entry.use = IdUse::free;
  free_ids_.push_back(id.value >> id_generation_bits);
}

ResetToken Endpoint::token_of(ConnectionId id, const base::IpPort& peer) const {
  std::array<std::uint8_t, 6> bytes;
  base::store_big_endian(ByteSpan(bytes), 0, id.value);
  base::store_big_endian(ByteSpan(bytes), 4, peer.port);
  const crypto::Hash256 mac = crypto::hmac_sha256(
      config_.reset_key, {base::as_bytes("kith/packet/reset/2"), ByteView(bytes), peer.ip_bytes()});
  ResetToken token;
  std::memcpy(token.data(), mac.data(), token.size());
  return token;
}

const Endpoint::IdEntry* Endpoint::id_entry(ConnectionId id) const {
  const std::uint32_t index = id.value >> id_generation_bits;
  if (index >= ids_.size()) return nullptr;
  const IdEntry& entry = ids_[index];
  const bool is_it =
      entry.use != IdUse::free && entry.generation == (id.value & id_generation_mask);
  return is_it ? &entry : nullptr;
}

Connection* Endpoint::connection_of(ConnectionId id, ConnectionSlot& slot) {
  const IdEntry* entry = id_entry(id);
  if (entry == nullptr || entry->use != IdUse::live) return nullptr;
  slot = {entry->target};
  return look_at(slot) == nullptr ? nullptr : entry_of(slot).connection.get();
}

}  // namespace kith::packet

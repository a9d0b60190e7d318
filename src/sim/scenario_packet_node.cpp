#include "sim/scenario_packet_node.h"

#include "codec/peer_id.h"
#include "crypto/hash.h"

namespace kith::sim {

PacketNode::PacketNode(const PacketNodeConfig& config, std::uint32_t index, std::uint64_t seed,
                       Instant now, PacketApp& app)
    : index_(index), app_(app), rng_(seed), endpoint_config_(config.endpoint) {
  const crypto::KeyPair key = crypto::KeyPair::generate(rng_);
  peer_ = codec::peer_id_of(key.public_key());
  session_config_.identity =
      secure::make_session_identity(key, crypto::X25519KeyPair::generate(rng_));
  session_config_.rotate_bytes = config.rotate_bytes;
  session_config_.rotate_interval = config.rotate_interval;
  session_config_.tickets_given = config.tickets_given;
  rng_.fill(endpoint_config_.reset_key);
  restart(now);
}

void PacketNode::restart(Instant now) {
  endpoint_.reset();
  sessions_.clear();
  session_count_ = 0;
  deadlines_ = {};
  up_.clear();
  tickets_ = std::make_unique<secure::Tickets>();
  endpoint_ = std::make_unique<packet::Endpoint>(endpoint_config_, rng_, now);
}

// --- what the parent asks for --------------------------------------------------------------------

void PacketNode::dial(Instant now, std::uint32_t tag, const packet::Path& path,
                      std::optional<PeerId> expected) {
  expected_ = std::move(expected);
  endpoint_->on_input(now, packet::DialPath{Token{tag}, path});
  drain(now);
}

void PacketNode::say(Instant now, packet::ConnectionSlot slot, packet::Connection::Input input) {
  if (const auto* abortion = std::get_if<packet::AbortConnection>(&input)) {
    if (Entry* entry = find(slot)) entry->own_error = Error{abortion->code, abortion->reason};
  }
  endpoint_->on_input(now, packet::ToConnection{slot, std::move(input)});
}

void PacketNode::rotate(Instant now, packet::ConnectionSlot slot) {
  tell(now, slot, secure::RotateNow{});
}

void PacketNode::set_tag(packet::ConnectionSlot slot, std::uint32_t tag) {
  if (Entry* entry = find(slot)) entry->tag = tag;
}

packet::Services* PacketNode::services(packet::ConnectionSlot slot) {
  packet::Connection* connection = endpoint_->find(slot);
  return connection == nullptr ? nullptr : &connection->services();
}

std::uint64_t PacketNode::rotations(packet::ConnectionSlot slot) const {
  const Entry* entry = find(slot);
  return entry == nullptr ? 0 : entry->session->rotations();
}

PacketNode::Entry* PacketNode::find(packet::ConnectionSlot slot) {
  const std::uint32_t place = place_of(slot);
  if (place >= sessions_.size()) return nullptr;
  Entry& entry = sessions_[place];
  return entry.session != nullptr && entry.slot == slot ? &entry : nullptr;
}

const PacketNode::Entry* PacketNode::find(packet::ConnectionSlot slot) const {
  return const_cast<PacketNode*>(this)->find(slot);
}

// --- time and bytes ------------------------------------------------------------------------------

void PacketNode::receive(Instant now, base::DatagramsIn in) {
  while (!in.bytes.empty()) {
    in.bytes = in.bytes.subspan(endpoint_->on_datagrams(now, in));
    drain(now);
  }
}

void PacketNode::on_time(Instant now) {
  if (const auto at = endpoint_->next_deadline(); at && *at <= now) {
    endpoint_->on_deadline(now);
    drain(now);
  }
  while (const auto place = deadlines_.pop_due(now)) {
    Entry& entry = sessions_[*place];
    if (entry.session == nullptr) continue;
    entry.deadline.reset();
    entry.session->on_deadline(now);
    drain_session(now, entry.slot);
  }
  drain(now);
}

base::DatagramsOut PacketNode::poll(Instant now, ByteSpan room) {
  return endpoint_->poll_datagrams(now, room);
}

std::optional<Instant> PacketNode::next_deadline() {
  return base::soonest(endpoint_->next_deadline(), deadlines_.soonest());
}

void PacketNode::drain(Instant now) {
  while (auto output = endpoint_->poll_output(now)) {
    std::visit(Overload{
                   [&](packet::Dialled& dialled) {
                     begin(now, dialled.slot, Direction::outbound,
                           static_cast<std::uint32_t>(dialled.token.value));
                   },
                   [&](packet::NotDialled&) {},
                   [&](packet::Incoming& asked) {
                     const bool is_welcome = asked.has_cookie || has_ticket(now, asked.hello);
                     endpoint_->on_input(
                         now, packet::Decide{asked.token,
                                             is_welcome ? packet::Decide::Verdict::admit
                                                        : packet::Decide::Verdict::ask_for_cookie});
                   },
                   [&](packet::Admitted& admitted) {
                     begin(now, admitted.slot, Direction::inbound, no_tag);
                   },
                   [&](packet::FromConnection& from) { on_output(now, from.slot, from.output); },
               },
               *output);
  }
}

bool PacketNode::has_ticket(Instant now, ByteView hello) const {
  if (hello.size() < 2 + secure::ticket_bytes) return false;
  return tickets_->open(now, peer_, hello.subspan(2, secure::ticket_bytes)).has_value();
}

void PacketNode::begin(Instant now, packet::ConnectionSlot slot, Direction direction,
                       std::uint32_t tag) {
  if (session_config_.parameters.empty()) {
    session_config_.parameters = endpoint_->look_at(slot)->parameters();
  }
  const std::uint32_t place = place_of(slot);
  if (place >= sessions_.size()) sessions_.resize(place + 1);
  const bool is_ours = direction == Direction::outbound;
  if (sessions_[place].session == nullptr) ++session_count_;
  sessions_[place] = {
      .slot = slot,
      .session = std::make_unique<secure::Session>(
          session_config_, direction, is_ours ? expected_ : std::nullopt, *tickets_, rng_, now),
      .direction = direction,
      .tag = tag,
      .deadline = {},
      .own_error = {}};
  drain_session(now, slot);
}

void PacketNode::end(packet::ConnectionSlot slot, const std::optional<Error>& error) {
  Entry* entry = find(slot);
  if (entry == nullptr) return;
  app_.on_end(*this, slot, entry->tag, error ? error : entry->own_error);
  deadlines_.set(place_of(slot), std::nullopt);
  sessions_[place_of(slot)] = {};
  --session_count_;
}

void PacketNode::on_output(Instant now, packet::ConnectionSlot slot,
                           packet::Connection::Output& output) {
  std::visit(
      Overload{
          [&](packet::HandshakeArrived& arrived) {
            const auto message = static_cast<secure::HandshakeMessage>(arrived.message);
            tell(now, slot, secure::HandshakeReceived{message, arrived.bytes});
          },
          [&](packet::HintArrived& hint) {
            if (hint.code == Code::refused) tell(now, slot, secure::TicketRefused{});
          },
          [&](packet::SessionArrived& arrived) {
            tell(now, slot, secure::SessionReceived{arrived.bytes});
          },
          [&](packet::EpochOpened& opened) { tell(now, slot, secure::EpochUsed{opened.epoch}); },
          [&](packet::Traffic& traffic) {
            tell(now, slot, secure::Sealed{traffic.bytes, traffic.packets, traffic.messages});
          },
          [&](packet::PathChanged&) {},
          [&](packet::ConnectionEnded& ended) { end(slot, packet::copy_of(ended.error)); },
          [&](packet::ServicesOutput& served) {
            const Entry* entry = find(slot);
            if (entry != nullptr) app_.on_service(*this, slot, entry->tag, served);
          },
      },
      output);
}

// --- sessions ------------------------------------------------------------------------------------

void PacketNode::tell(Instant now, packet::ConnectionSlot slot, secure::Session::Input input) {
  Entry* entry = find(slot);
  if (entry == nullptr) return;
  entry->session->on_input(now, std::move(input));
  drain_session(now, slot);
}

void PacketNode::drain_session(Instant now, packet::ConnectionSlot slot) {
  Entry* entry = find(slot);
  if (entry == nullptr) return;
  while (auto output = entry->session->poll_output(now)) on_session(now, slot, *output);
  const auto deadline = entry->session->next_deadline();
  if (deadline != entry->deadline) {
    entry->deadline = deadline;
    deadlines_.set(place_of(slot), deadline);
  }
  // After the keys, so that services can be used at once.
  while (!up_.empty()) {
    const Up up = std::move(up_.back());
    up_.pop_back();
    if (const Entry* raised = find(up.slot)) {
      app_.on_up(*this, up.slot, raised->tag, raised->direction, up.session);
    }
  }
}

void PacketNode::on_session(Instant now, packet::ConnectionSlot slot,
                            secure::Session::Output& output) {
  std::visit(
      Overload{
          [&](secure::SayHandshake& said) {
            say(now, slot,
                packet::HandshakeBytes{static_cast<std::uint8_t>(said.message),
                                       std::move(said.bytes)});
          },
          [&](secure::SaySession& said) {
            say(now, slot, packet::SessionBytes{std::move(said.bytes)});
          },
          [&](secure::KeysReady& keys) { give_keys(now, slot, keys); },
          [&](secure::SessionEstablished& established) {
            say(now, slot, packet::PeerParameters{established.parameters});
            up_.push_back({slot, std::move(established)});
          },
          [&](secure::SessionConfirmed&) { say(now, slot, packet::HandshakeDone{}); },
          [&](secure::TicketArrived& arrived) {
            tickets_->keep(now, arrived.peer, std::move(arrived.ticket), std::move(arrived.secret));
          },
          [&](secure::SessionHint& hint) { say(now, slot, packet::HintBytes{hint.error.code}); },
          [&](secure::SessionFault& fault) {
            say(now, slot, packet::AbortConnection{fault.error.code, fault.error.message});
          },
      },
      output);
}

void PacketNode::give_keys(Instant now, packet::ConnectionSlot slot,
                           const secure::KeysReady& ready) {
  const auto id = static_cast<std::uint8_t>(ready.cipher);
  const secure::DirectionKeys receive = secure::direction_keys(ready.receive, id);
  const secure::DirectionKeys send = secure::direction_keys(ready.send, id);
  packet::SealKeys keys{
      .epoch = ready.epoch,
      .receive = crypto::PacketCipher(ready.cipher, receive.key, receive.iv, schedules_),
      .send = {},
      .receive_offset_key = {},
      .send_offset_key = {}};
  if (ready.may_send) keys.send.emplace(ready.cipher, send.key, send.iv, schedules_);
  if (ready.epoch == 0) {
    keys.receive_offset_key = crypto::SecretBytes::copy_of(receive.offset_key);
    keys.send_offset_key = crypto::SecretBytes::copy_of(send.offset_key);
  }
  say(now, slot, std::move(keys));
}

}  // namespace kith::sim

// Services' commands, on their way to connections.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "host/host.h"
#include "host/host_link.h"
#include "secure/session_keys.h"

namespace kith::host {
namespace {

LinkId link_of(StreamId stream) { return LinkId{stream.value >> 32}; }

}  // namespace

void Host::on_service(Instant now, OwnerId owner, ServiceCommand command) {
  std::visit(
      Overload{[&](Open& open) {
                 if (const auto link = link_to(open.peer)) {
                   return to_connection(now, *link, Connection::OpenFor{owner, std::move(open)});
                 }
                 StreamOpenFailed failed{
                     open.token, open.peer, {Code::closed, "not connected to the peer"}};
                 if (owner == 0) {
                   identify_.on_input(now, std::move(failed));
                 } else {
                   outputs_.push_back(Routed{owner, std::move(failed)});
                 }
               },
               [&](Write& write) { to_connection(now, link_of(write.stream), std::move(write)); },
               [&](Finish& finish) { to_connection(now, link_of(finish.stream), finish); },
               [&](Reset& reset) { to_connection(now, link_of(reset.stream), reset); },
               [&](Consume& consume) { to_connection(now, link_of(consume.stream), consume); },
               [&](Prioritize& say) { to_connection(now, link_of(say.stream), say); },
               [](RequestDone&) {},  // the node's
               [&](SendMessage& send) { send_message(now, owner, std::move(send)); },
               [&](SendDatagram& send) {
                 if (const auto link = session_to(send.peer)) {
                   to_connection(now, *link, std::move(send));
                 }
               },
               [&](Fault& fault) {
                 ++stats_.faults;
                 ++stats_.protocol_faults;
                 log_.warn("host", "{} broke a protocol: {}", codec::to_text(fault.peer),
                           base::to_string(fault.error));
                 disconnect(fault.peer);
               }},
      command);
}

void Host::send_message(Instant now, OwnerId owner, SendMessage send) {
  if (const auto link = session_to(send.peer)) {
    return to_connection(now, *link, SendMessageFor{owner, std::move(send)});
  }
  outputs_.push_back(Routed{owner, MessageDone{send.token, false, no_session(send.peer)}});
}

Error Host::no_session(const PeerId& peer) const {
  if (!link_to(peer)) return {Code::closed, "not connected to the peer"};
  return {Code::unsupported, "messages need a session of Kith's own"};
}

Result<void> Host::export_key(const PeerId& peer, std::string_view label, ByteSpan out) const {
  if (out.empty() || out.size() > secure::export_bytes_max) {
    return fail(Code::usage, base::format("a key of {} bytes, not 1 to {}", out.size(),
                                          secure::export_bytes_max));
  }
  if (label.size() > secure::export_label_bytes_max) {
    return fail(Code::usage, base::format("a label of {} bytes, limit {}", label.size(),
                                          secure::export_label_bytes_max));
  }
  const auto link = session_to(peer);
  if (!link || !links_.at(*link)->channel.session()->export_key(label, out)) {
    return fail(no_session(peer));
  }
  return {};
}

void Host::to_connection(Instant now, LinkId id, Connection::Input input) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->channel) return;  // it closed meanwhile
  found->second->channel.on_input(now, std::move(input));
  drain_connection(now, id);
}

// Of several connections the oldest that the peer with the smaller id dialled, else the oldest:
// both sides then choose the same, and the duplicates fall idle (drop_duplicates).
std::optional<LinkId> Host::link_to(const PeerId& peer) const {
  return best_link(peer, [](const Link&) { return true; });
}

std::optional<LinkId> Host::session_to(const PeerId& peer) const {
  return best_link(peer, [](const Link& link) { return link.channel.session() != nullptr; });
}

template <class Which>
std::optional<LinkId> Host::best_link(const PeerId& peer, Which is_wanted) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return std::nullopt;
  const Direction preferred = self_ < peer ? Direction::outbound : Direction::inbound;
  std::optional<LinkId> other;
  for (const LinkId id : found->second.links) {
    if (!is_usable(id) || !is_wanted(*links_.at(id))) continue;
    if (links_.at(id)->direction == preferred) return id;
    if (!other) other = id;
  }
  return other;
}

// How near the peer is: what it may say of others' addresses. One that has left is far.
codec::AddrScope Host::scope_of(const PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return codec::AddrScope::global;
  return codec::scope_of(links_.at(found->second.links.front())->remote);
}

bool Host::is_usable(LinkId id) const {
  const Link& link = *links_.at(id);
  return !link.is_closing && link.channel.takes_streams();
}

void Host::disconnect(const PeerId& peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  for (const LinkId id : found->second.links) close_link(id, true);
}

}  // namespace kith::host

#include "node/request_guard.h"

namespace kith::node {
namespace {

/// What says that the peer does not do as asked; not a refusal, and not the connection's end.
bool is_failure(Code code) {
  return code == Code::timeout || code == Code::reset || code == Code::protocol;
}

}  // namespace

std::optional<host::StreamOpenFailed> RequestGuard::on_open(Instant now, host::OwnerId owner,
                                                            const host::Open& open) {
  if (open.protocols.empty()) return std::nullopt;
  const std::string& protocol = open.protocols.front();
  if (auto allowed = breakers_.ask(now, open.peer, protocol); !allowed) {
    return host::StreamOpenFailed{open.token, open.peer, std::move(allowed).error()};
  }
  opening_.emplace(Opening{owner, open.token, open.peer}, protocol);
  return std::nullopt;
}

void RequestGuard::on_event(Instant now, host::OwnerId owner, const host::ServiceEvent& event) {
  if (const auto* data = std::get_if<host::StreamData>(&event)) {
    const auto answered = streams_.extract(data->stream);
    if (!answered.empty()) on_done(now, answered.mapped().peer, answered.mapped().protocol, true);
  } else if (const auto* up = std::get_if<host::StreamUp>(&event)) {
    if (up->direction == Direction::inbound || !up->token) return;
    if (auto protocol = take_opening({owner, *up->token, up->peer})) {
      streams_.emplace(up->stream, Stream{up->peer, *std::move(protocol)});
    }
  } else if (const auto* failed = std::get_if<host::StreamOpenFailed>(&event)) {
    const auto protocol = take_opening({owner, failed->token, failed->peer});
    if (protocol && is_failure(failed->error.code)) on_done(now, failed->peer, *protocol, false);
  } else if (const auto* down = std::get_if<host::StreamDown>(&event)) {
    on_stream_down(now, *down);
  }
}

void RequestGuard::on_stream_down(Instant now, const host::StreamDown& down) {
  const auto ended = streams_.extract(down.stream);
  if (ended.empty()) return;
  const Stream& stream = ended.mapped();
  if (!down.error) return on_done(now, stream.peer, stream.protocol, true);
  if (is_failure(down.error->code)) on_done(now, stream.peer, stream.protocol, false);
}

void RequestGuard::on_done(Instant now, const PeerId& peer, std::string_view protocol,
                           bool is_answered) {
  if (is_answered) {
    breakers_.on_success(peer, protocol);
  } else {
    breakers_.on_failure(now, peer, protocol);
  }
}

std::optional<std::string> RequestGuard::take_opening(const Opening& opening) {
  const auto node = opening_.extract(opening);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

}  // namespace kith::node

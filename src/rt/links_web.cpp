// Links that are WebSockets: how they come to be, and their bytes (rt/web_socket.h).
#include <algorithm>
#include <cstring>

#include "codec/ip_text.h"
#include "rt/links.h"
#include "rt/reactor_impl.h"

namespace kith::rt {
namespace {

constexpr std::uint16_t web_port_plain = 80, web_port_tls = 443;

/// What the Host header says: "example.com", "192.0.2.7:4772", "[::1]:4772".
std::string web_host_of(const codec::TransportAddress& address) {
  std::string host = address.sni;
  if (host.empty()) {
    host = codec::ip_to_text(address.ip);
    if (address.ip.size() == codec::ip6_bytes) host = "[" + host + "]";
  }
  const bool is_usual =
      address.port == (codec::is_tls(address.transport) ? web_port_tls : web_port_plain);
  return is_usual ? host : host + ":" + std::to_string(address.port);
}

/// Whom a limit by address counts as one.
Bytes web_origin_of(ByteView ip) {
  constexpr std::size_t site_bytes = 7;  // a /56, what one customer of an IPv6 network has
  return base::to_bytes(ip.size() == codec::ip6_bytes ? ip.first(site_bytes) : ip);
}

}  // namespace

// --- birth ---------------------------------------------------------------------------------------

Result<void> Links::set_web_sockets(const WebSocketConfig& config) {
  web_tls_ = TRY(WebTls::load(config));
  web_config_ = config;
  return {};
}

Result<const WebTls*> Links::web_tls() {
  if (!web_tls_) web_tls_ = TRY(WebTls::load(web_config_));
  return web_tls_.get();
}

Result<void> Links::check_listen(codec::Transport transport) {
  if (!codec::is_tls(transport)) return {};
  const WebTls* const tls = TRY(web_tls());
  if (tls->can_serve()) return {};
  return fail(Code::config, "TLS needs websocket.tls_certificate and websocket.tls_key");
}

bool Links::may_upgrade(const SocketAddress& remote) const {
  const auto address = to_multiaddr(remote);
  const auto tcp = address ? codec::as_tcp(*address) : std::nullopt;
  if (!tcp || upgrading_.size() >= web_config_.upgrades_max) return false;
  const auto same = std::ranges::count(upgrading_, web_origin_of(tcp->ip));
  return static_cast<std::size_t>(same) < web_config_.upgrades_per_address_max;
}

void Links::end_upgrade(const Link& link) {
  if (link.is_dialled()) return;
  const auto parts = codec::as_transport(link.address);
  ASSERT(parts);
  const auto found = std::ranges::find(upgrading_, web_origin_of(parts->ip));
  ASSERT(found != upgrading_.end());
  upgrading_.erase(found);
}

void Links::upgrade(const LinkPtr& link, Fd socket) {
  const auto parts = codec::as_transport(link->address);
  ASSERT(parts && codec::is_web(parts->transport));
  link->state = Link::State::upgrading;
  WebLinkSetup setup{.id = link->id, .is_client = link->is_dialled()};
  setup.upgrade_max = web_config_.upgrade_max;
  if (setup.is_client) {
    setup.host = web_host_of(*parts);
    setup.tls_name = parts->sni.empty() ? codec::ip_to_text(parts->ip) : parts->sni;
  } else {
    upgrading_.push_back(web_origin_of(parts->ip));
    link->watched = true;
    turns_.run([&](Instant now) { deadlines_.set(link->id, now + web_config_.upgrade_max); });
  }
  if (codec::is_tls(parts->transport)) {
    const auto tls = web_tls();
    if (!tls) return fail_upgrade(link, tls.error());
    setup.tls = *tls;
  }
  auto web = WebLink::make(io_, std::move(socket), std::move(setup), *this);
  if (!web) return fail_upgrade(link, web.error());
  link->web = *std::move(web);
  link->web->upgrade();
}

void Links::fail_upgrade(const LinkPtr& link, Error error) {
  if (link->is_dialled()) {
    error.message = "dial " + link->address.to_string() + ": " + error.message;
    return fail_dial(link, std::move(error));
  }
  ++upgrades_failed_;
  const LinkPtr held = link;
  turns_.run([&](Instant) { forget(held); });
}

void Links::on_web_opened(LinkId id) {
  const LinkPtr link = find(id);
  ASSERT(link && link->state == Link::State::upgrading);
  deadlines_.set(id, std::nullopt);
  link->watched = false;
  end_upgrade(*link);
  open(link, std::exchange(link->address, {}),
       link->is_dialled() ? Direction::outbound : Direction::inbound);
}

// --- end -----------------------------------------------------------------------------------------

Error Links::end_of(const Link& link) const {
  if (link.web && link.web->fault()) return *link.web->fault();
  return Error{Code::closed, "closed by this node"};
}

// What it still says is dropped, as is what was to be sent.
void Links::on_web_fault(LinkId id) {
  const LinkPtr link = find(id);
  ASSERT(link);
  link->state = Link::State::lingering;
  link->wants_transmit = false;
  stats_.bytes_kept -= link->tail.size();
  link->tail.clear();
  link->watched = true;
  turns_.run([&](Instant now) { deadlines_.set(id, now + config_.flush_max); });
}

void Links::on_web_ended(LinkId id, Error error) {
  const LinkPtr link = find(id);
  ASSERT(link);
  switch (link->state) {
    case Link::State::upgrading: return fail_upgrade(link, std::move(error));
    case Link::State::open: return lose(link, std::move(error));
    case Link::State::flushing:
    case Link::State::lingering: return lose(link, end_of(*link));
    case Link::State::dialing:
    case Link::State::closed: UNREACHABLE();
  }
}

// --- reading -------------------------------------------------------------------------------------

void Links::read_web(const LinkPtr& link) {
  if (link->state != Link::State::open) link->web->take();  // as Links::discard
  link->web->read(config_.read_buffer_bytes);
}

void Links::on_web_read(LinkId id) {
  const LinkPtr link = find(id);
  ASSERT(link);
  if (link->state == Link::State::open) return deliver_web(link);
  read_web(link);
}

// Bytes came that were asked for when the machine wanted some; it may have changed its mind.
void Links::deliver_web(const LinkPtr& link) {
  if (!turns_.machine().wants_bytes(link->id)) {
    ++stats_.read_pauses;
    link->paused = true;
    return;
  }
  const ByteView arrived = link->web->arrived();
  const std::size_t held = link->tail.size();
  std::copy_n(link->tail.view().data(), held, read_buffer_.data());
  std::copy_n(arrived.data(), arrived.size(), read_buffer_.data() + held);
  ++stats_.reads;
  stats_.bytes_read += arrived.size();
  stats_.bytes_kept -= held;
  link->tail.clear();
  const std::size_t total = held + arrived.size();
  link->web->take();
  const auto stays = offer(link, total);
  if (!stays) return;
  keep_tail(*link, {read_buffer_.data(), *stays});
  read_web(link);
}

// Out of a turn: the bytes are a mutation of their own.
void Links::deliver_web_later(const LinkPtr& link) {
  asio::post(io_, [this, link] {
    const bool is_wanted = link->state == Link::State::open && !link->paused;
    if (is_wanted && !link->web->arrived().empty()) deliver_web(link);
  });
}

// --- writing -------------------------------------------------------------------------------------

void Links::transmit_web(const LinkPtr& link, Instant now) {
  bool exhausted = false;
  const std::size_t room = std::min(transmit_buffer_.size(), web_message_bytes_max);
  const std::size_t filled = fill(*link, now, ByteSpan(transmit_buffer_).first(room), exhausted);
  link->wants_transmit = !exhausted;
  if (filled == 0) {
    if (link->state == Link::State::flushing) return flushed(link);
    return resume_reading(link);
  }
  link->web->write(ByteView(transmit_buffer_).first(filled));
  stats_.bytes_kept += filled;
  ++stats_.sends;
  stats_.bytes_sent += filled;
  watch_stall(*link, now);
  resume_reading(link);
}

void Links::on_web_written(LinkId id, std::size_t bytes) {
  const LinkPtr link = find(id);
  ASSERT(link);
  stats_.bytes_kept -= bytes;
  if (link->state != Link::State::open && link->state != Link::State::flushing) return;
  turns_.run([&](Instant now) {
    link->progress = now;
    unstuck(link);
  });
}

Result<void> set_web_sockets(Reactor& reactor, const WebSocketConfig& config) {
  return reactor.impl().links.set_web_sockets(config);
}

}  // namespace kith::rt

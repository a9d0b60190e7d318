#include "rt/listeners.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace kith::rt {
namespace {

constexpr Duration rest_after_exhaustion = 100ms;
constexpr Duration complaint_interval = 10s;

Fd open_reserve() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool is_exhaustion(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

}  // namespace

Listeners::Listeners(asio::io_context& io, Turns& turns, Links& links, const ReactorConfig& config,
                     Log& log, ReactorStats& stats)
    : io_(io),
      turns_(turns),
      links_(links),
      config_(config),
      log_(log),
      stats_(stats),
      reserve_(open_reserve()) {}

Listeners::~Listeners() {
  for (auto& [bound, listener] : listeners_) {
    ErrorCode ignored;
    listener->socket.close(ignored);
  }
}

void Listeners::listen(const codec::Multiaddr& address) {
  auto bound = open(address);
  if (bound) {
    auto reachable = reachable_addresses(*bound);
    turns_.input(host::Listening{address, *std::move(bound), std::move(reachable)});
  } else {
    turns_.input(host::ListenFailed{address, std::move(bound).error()});
  }
}

Result<codec::Multiaddr> Listeners::open(const codec::Multiaddr& address) {
  const std::string what = "cannot listen on " + address.to_string();
  const auto parts = codec::as_transport(address);
  const bool is_tcp = parts && !parts->ip.empty() && parts->transport != codec::Transport::udp_kith;
  if (!is_tcp) return fail(Code::unsupported, what + ": not /ip4 or /ip6 with /tcp or /udp/N/kith");
  if (listeners_.size() >= config_.listeners_max) {
    return fail(Code::limit, what + ": " + std::to_string(listeners_.size()) +
                                 " addresses are listened on, the limit");
  }
  if (const auto can = links_.check_listen(parts->transport); !can) {
    return fail(can.error().code, what + ": " + can.error().message);
  }
  const SocketAddress wanted = to_socket_address({parts->ip, parts->port});
  Fd fd(::socket(wanted.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(os_error(errno, what));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // /ip6/:: means IPv6 alone, so that /ip4/0.0.0.0 may stand beside it on the same port.
  if (wanted.storage.ss_family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(fd.get(), wanted.get(), wanted.size) != 0 ||
      ::listen(fd.get(), config_.listen_backlog) != 0) {
    return fail(os_error(errno, what));
  }
  const auto local = local_address(fd.get());
  const auto tcp = local ? codec::as_tcp(*local) : std::nullopt;
  if (!tcp) return fail(os_error(errno, what));
  const codec::Multiaddr bound = codec::rebound(address, tcp->ip, tcp->port);
  auto listener = std::make_shared<Listener>(io_);
  ErrorCode error;
  listener->socket.assign(fd.get(), error);
  if (error) return fail(os_error(error.value(), what));
  fd.release();
  listener->bound = bound;
  listeners_.insert_or_assign(bound, listener);
  arm(listener);
  return bound;
}

void Listeners::stop(const codec::Multiaddr& bound) {
  const auto found = listeners_.find(bound.without_peer());
  if (found == listeners_.end()) return;
  ErrorCode ignored;
  found->second->socket.close(ignored);
  found->second->rest.cancel();
  listeners_.erase(found);
}

void Listeners::arm(const ListenerPtr& listener) {
  listener->socket.async_wait(Descriptor::wait_read, [this, listener](ErrorCode error) {
    if (!error && listener->socket.is_open()) accept(listener);
  });
}

void Listeners::accept(const ListenerPtr& listener) {
  for (std::size_t count = 0; count < config_.accepts_per_turn_max; ++count) {
    SocketAddress remote;
    remote.size = sizeof remote.storage;
    Fd fd(::accept4(listener->socket.native_handle(), remote.get(), &remote.size,
                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      const int error_number = errno;
      if (is_exhaustion(error_number)) return rest(listener, error_number);
      if (error_number == EAGAIN || error_number == EWOULDBLOCK) break;
      continue;  // EINTR, or a connection that was reset while it waited
    }
    if (!links_.adopt(std::move(fd), remote, listener->bound)) ++stats_.accepts_refused;
    if (!listener->socket.is_open()) return;  // the turn stopped this listener
  }
  arm(listener);
}

void Listeners::refuse_one(int listening_fd) {
  reserve_.reset();
  if (const Fd refused(::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC)); refused) {
    ++stats_.accepts_refused;
  }
  reserve_ = open_reserve();
}

void Listeners::rest(const ListenerPtr& listener, int error_number) {
  if (reserve_) refuse_one(listener->socket.native_handle());
  if (!reserve_) reserve_ = open_reserve();
  if (const Instant now = steady_now(); now >= next_complaint_) {
    next_complaint_ = now + complaint_interval;
    log_.warn("rt", "cannot accept connections: {}; raise the limit of open files (ulimit -n)",
              errno_text(error_number));
  }
  listener->rest.expires_after(rest_after_exhaustion);
  listener->rest.async_wait([this, listener](ErrorCode error) {
    if (!error && listener->socket.is_open()) arm(listener);
  });
}

}  // namespace kith::rt

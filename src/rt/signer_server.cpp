#include "rt/signer_server.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"
#include "codec/peer_id.h"
#include "rt/asio.h"
#include "rt/local_socket.h"

namespace kith::rt {

using consensus::ClientId;

namespace {

constexpr int backlog = 16;
/// How often those are looked for who say nothing.
constexpr int poll_ms = 1000;

Result<Fd> listen_tcp(const codec::Multiaddr& address) {
  const auto tcp = codec::as_tcp(address);
  if (!tcp) {
    return fail(Code::config, base::format("{} is no address to listen on, such as "
                                           "/ip4/10.0.0.5/tcp/4780",
                                           address.to_string()));
  }
  const SocketAddress local = to_socket_address(*tcp);
  Fd fd(::socket(local.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd.get(), local.get(), local.size) != 0 || ::listen(fd.get(), backlog) != 0) {
    return fail(os_error(errno, "cannot listen on " + address.to_string()));
  }
  return fd;
}

}  // namespace

struct SignerServer::Client {
  Fd fd;
  std::optional<SignerPipe> pipe;
  Instant since, heard;
  bool is_local = false;
  bool is_known = false;  // it has said something
  bool is_dropped = false;
};

SignerServer::SignerServer(SignerServerConfig config, consensus::Signer& signer, Wal& wal, Log& log)
    : config_(std::move(config)),
      signer_(signer),
      wal_(wal),
      log_(log),
      stop_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (config_.identity != nullptr) {
    identity_ = secure::make_noise_identity(*config_.identity, {}, rng_);
  }
}

SignerServer::~SignerServer() {
  if (local_) ::unlink(config_.socket_path.c_str());
}

Result<std::unique_ptr<SignerServer>> SignerServer::open(SignerServerConfig config,
                                                         consensus::Signer& signer, Wal& wal,
                                                         Log& log) {
  std::unique_ptr<SignerServer> server(new SignerServer(std::move(config), signer, wal, log));
  TRY_VOID(server->listen());
  return server;
}

Result<void> SignerServer::listen() {
  if (!stop_) return fail(os_error(errno, "cannot make an event"));
  if (!config_.socket_path.empty()) local_ = TRY(listen_local(config_.socket_path));
  if (!config_.listen) return {};
  ASSERT(config_.identity != nullptr);
  tcp_ = TRY(listen_tcp(*config_.listen));
  listening_ = local_address(tcp_.get());
  return {};
}

void SignerServer::stop() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
}

Result<void> SignerServer::run() {
  rng_.hand_over();  // from whoever opened it
  TRY_VOID(pump());  // a log that begins anew
  for (;;) {
    std::vector<pollfd> waits = {{stop_.get(), POLLIN, 0},
                                 {local_.get(), POLLIN, 0},
                                 {tcp_.get(), POLLIN, 0}};  // -1 is passed over
    const std::size_t fixed = waits.size();
    std::vector<ClientId> ids;
    for (const auto& [id, client] : clients_) {
      const bool writes = client->pipe->wants_write();
      waits.push_back(
          {client->fd.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
      ids.push_back(id);
    }
    if (::poll(waits.data(), waits.size(), poll_ms) < 0 && errno != EINTR) {
      return fail(os_error(errno, "cannot wait for nodes"));
    }
    if (waits[0].revents != 0) return {};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if ((waits[fixed + i].revents & ~POLLOUT) != 0) read(ids[i]);
    }
    if (waits[1].revents != 0) accept(local_.get(), true);
    if (waits[2].revents != 0) accept(tcp_.get(), false);
    TRY_VOID(pump());
    close_silent();
  }
}

void SignerServer::accept(int listener, bool is_local) {
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return;
  if (clients_.size() >= connections_max) {
    return log_.warn("signer", "{} connections, the limit: one more was refused", clients_.size());
  }
  const auto strangers = std::ranges::count_if(
      clients_, [](const auto& each) { return !each.second->is_known && !each.second->is_local; });
  if (!is_local && static_cast<std::size_t>(strangers) >= strangers_max) return;
  if (is_local && !is_own_user(fd.get())) {
    return log_.warn("signer", "another user's connection was refused");
  }
  auto client = std::make_unique<Client>();
  if (is_local) {
    client->pipe.emplace(fd.get());
  } else {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->pipe.emplace(fd.get(), Direction::inbound, identity_, std::nullopt, rng_);
  }
  client->is_local = is_local;
  client->since = steady_now();
  client->fd = std::move(fd);
  clients_.emplace(ClientId{++last_client_}, std::move(client));
}

void SignerServer::read(ClientId id) {
  Client& client = *clients_.at(id);
  const auto was_read = client.pipe->on_readable();
  const auto& peer = client.pipe->peer();
  if (peer && std::ranges::find(config_.allowed, *peer) == config_.allowed.end()) {
    return close(id, base::format("{} is not on the list (--allow)", codec::to_text(*peer)));
  }
  while (auto frame = client.pipe->poll_frame()) {
    client.is_known = true;
    client.heard = steady_now();
    signer_.on_input(steady_now(), consensus::ClientSaid{id, *std::move(frame)});
  }
  if (!was_read) close(id, was_read.error().message);
}

/// Performs what the signer says. The disk comes before the answers that wait for it.
Result<void> SignerServer::pump() {
  while (auto output = signer_.poll_output(steady_now())) {
    if (const auto* const append = std::get_if<consensus::SignerAppend>(&*output)) {
      TRY_VOID(wal_.append(append->segment, append->records, append->begins_anew));
      signer_.on_input(steady_now(), consensus::SignerLogged{append->token});
      continue;
    }
    if (const auto* const say = std::get_if<consensus::SayToClient>(&*output)) {
      const auto client = clients_.find(say->client);
      if (client != clients_.end()) client->second->pipe->send(say->frame);
      continue;
    }
    const auto& drop = std::get<consensus::DropClient>(*output);
    const auto client = clients_.find(drop.client);
    if (client == clients_.end()) continue;
    log_.warn("signer", "a node is refused: {}", drop.why.message);
    client->second->is_dropped = true;
  }
  std::vector<std::pair<ClientId, std::string>> ended;
  for (const auto& [id, client] : clients_) {
    const auto sent = client->pipe->flush();
    if (!sent) ended.emplace_back(id, sent.error().message);
    if (sent && client->is_dropped) ended.emplace_back(id, "it was refused");
  }
  for (const auto& [id, why] : ended) close(id, why);
  return ended.empty() ? Result<void>() : pump();
}

void SignerServer::close(ClientId id, std::string_view why) {
  log_.debug("signer", "connection {} has ended: {}", id.value, why);
  clients_.erase(id);
  signer_.on_input(steady_now(), consensus::ClientLeft{id});
}

void SignerServer::close_silent() {
  const Instant now = steady_now();
  std::vector<ClientId> silent;
  for (const auto& [id, client] : clients_) {
    // A node asks each second: one that does not has gone, and its system did not say so.
    const bool is_gone = client->is_known && now - client->heard > silence_max;
    if (is_gone || (!client->is_known && now - client->since > greeting_max)) silent.push_back(id);
  }
  for (const ClientId id : silent) close(id, "it said nothing");
}

}  // namespace kith::rt

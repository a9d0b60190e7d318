// Requests from this machine's own user over a Unix-domain socket (HOME/api.sock, mode 0600): what
// the command line speaks to a running node. What the lines say is the handler's business.
//
//   request   = LINE "\n"                     one at a time; further ones wait
//   response  = *( LINE "\n" ) "\n"           an empty line ends it
//
// Limits: 64 connections, requests of 1 MiB, 8 MiB of replies that a client does not fetch: over
// either size the connection is closed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "rt/reactor.h"

namespace kith::rt {

struct LocalServerConfig {
  std::size_t connections_max = 64;
  std::size_t request_bytes_max = 1024 * 1024;
  std::size_t unsent_bytes_max = 8 * 1024 * 1024;
};

/// Where the answer to one request goes. Copies are the same reply; when the last one goes
/// unfinished, it is finished. On the reactor's thread only; harmless when the client has gone.
class LocalReply {
 public:
  /// One line; line ends inside it become spaces, which JSON does not notice.
  void send(std::string line);
  void finish();
  /// send() and finish().
  void done(std::string line);
  /// False when finished, or when the client has gone.
  bool is_open() const;
  /// Called, as a turn, when the client goes before finish(): the end of a stream.
  void on_gone(std::function<void()> gone);

  struct State;
  explicit LocalReply(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

class LocalServer {
 public:
  /// Called on the reactor's thread, as a turn.
  using Handler = std::function<void(std::string request, LocalReply reply)>;

  /// A socket file that nobody serves is replaced; `locked` when somebody does.
  static Result<std::unique_ptr<LocalServer>> open(Reactor& reactor, const std::string& path,
                                                   Handler handler, Log& log,
                                                   LocalServerConfig config = {});
  /// Removes the socket file. On the reactor's thread, or after run().
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::size_t connections() const;

  struct Inside;

 private:
  explicit LocalServer(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<Inside> inside_;
};

}  // namespace kith::rt

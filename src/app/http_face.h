// The HTTP API of a running node, wired: the server (rt/), who may ask and what is answered (api/).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/events.h"
#include "api/http.h"
#include "base/log.h"
#include "node/config.h"
#include "rt/http_server.h"

namespace kith::app {

class HttpFace {
 public:
  /// `reactor`, `api` and `log` outlive its use; only its end may come later than the api's.
  /// `locked` when an address is taken.
  static Result<std::unique_ptr<HttpFace>> open(rt::Reactor& reactor, api::Api& api,
                                                const node::HttpSettings& settings,
                                                std::string token, Log& log);

  /// Every report of the node.
  void on_report(Instant now, const node::Report& report) { events_.on_report(now, report); }
  /// "http://127.0.0.1:4775"
  std::vector<std::string> urls() const;
  node::ApiFigures figures() const;
  void reset_timings() { server_->reset_timings(); }

 private:
  HttpFace(rt::Reactor& reactor, api::Api& api, api::AccessConfig access);
  void on_request(const codec::HttpRequest& request, rt::HttpReply reply);
  void on_socket(const codec::HttpRequest& handshake, rt::WebSocket socket);

  rt::Reactor& reactor_;
  api::Api& api_;
  api::Http http_;
  api::Events events_;
  std::unique_ptr<rt::HttpServer> server_;
};

}  // namespace kith::app

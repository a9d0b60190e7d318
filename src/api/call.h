// One request on its way through a method. Internal to api.
#pragma once

#include "api/api.h"
#include "api/json.h"

namespace kith::api {

struct Call {
  Call(Api::Reply to, std::uint64_t request) : reply(std::move(to)), number(request) {}

  Json id;                       // the request's, given back
  Json params = Json::object();  // checked against the method's table
  Api::Reply reply;
  std::uint64_t number = 0;  // for Api::abandon

  void done(Json result) const { send(std::move(result), true); }
  /// One of several results.
  void item(Json result) const { send(std::move(result), false); }
  void fail(const Error& error) const {
    reply(to_line(Json{{"jsonrpc", "2.0"},
                       {"id", id},
                       {"error", Json{{"code", name_of(error.code)}, {"message", error.message}}}}),
          true);
  }
  std::string text(const char* name) const {
    return params.contains(name) ? params[name].get<std::string>() : std::string();
  }
  std::uint64_t count(const char* name) const {
    return params.contains(name) ? params[name].get<std::uint64_t>() : 0;
  }

 private:
  void send(Json result, bool is_last) const {
    reply(to_line(Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}), is_last);
  }
};

/// Waits for an answer of the network.
struct Api::Pending {
  Call call;
  void (Api::*next)(Instant, Pending, const PeerId&) = nullptr;
};

}  // namespace kith::api

// One request on its way through a method. Internal to api.
#pragma once

#include "api/api.h"
#include "api/json.h"

namespace kith::api {

struct Call {
  Json id;      // the request's, given back
  Json params;  // an object, checked against the method's table
  Api::Reply reply;
  std::uint64_t number = 0;  // for Api::abandon

  void done(Json result) const {
    reply(to_line(Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}));
  }
  void fail(const Error& error) const {
    reply(
        to_line(Json{{"jsonrpc", "2.0"},
                     {"id", id},
                     {"error", Json{{"code", name_of(error.code)}, {"message", error.message}}}}));
  }
  std::string text(const char* name) const {
    return params.contains(name) ? params[name].get<std::string>() : std::string();
  }
  std::uint64_t count(const char* name) const {
    return params.contains(name) ? params[name].get<std::uint64_t>() : 0;
  }
};

}  // namespace kith::api

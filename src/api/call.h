// One request on its way through a method. Internal to api.
#pragma once

#include "api/api.h"
#include "api/json.h"

namespace kith::api {

/// Where the results of one request go, whoever asked: once, or for a subscription until it ends.
using Answer = std::function<void(Result<Json> result, bool is_last)>;

struct Call {
  explicit Call(Answer to) : answer(std::move(to)) {}

  Json params = Json::object();  // checked against the method's table
  Answer answer;
  std::uint64_t number = 0;  // for Api::abandon

  void done(Json result) const { answer(std::move(result), true); }
  /// One of several results.
  void item(Json result) const { answer(std::move(result), false); }
  void fail(const Error& error) const { answer(base::fail(error), true); }
  std::string text(const char* name) const {
    return params.contains(name) ? params[name].get<std::string>() : std::string();
  }
  std::uint64_t count(const char* name) const {
    return params.contains(name) ? params[name].get<std::uint64_t>() : 0;
  }
};

/// Waits for an answer of the network.
struct Api::Pending {
  Call call;
  void (Api::*next)(Instant, Pending, const PeerId&) = nullptr;
  bool is_question = false;  // tx.check
};

}  // namespace kith::api

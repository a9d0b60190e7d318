// JSON-RPC 2.0 (jsonrpc.org/specification) as its specification has it, for POST /rpc and for
// WebSockets: batches, notifications, numbers as error codes. Beside the number the name from the
// registry in kith/error.h stands in "data":
//
//   {"jsonrpc":"2.0","id":1,"error":{"code":-32012,"message":"...","data":{"code":"timeout"}}}
//
// -32700 is text that is no JSON, -32600 no request, -32601 no such method, -32602 parameters that
// do not fit; all others are -32000 less the registry's number. Limits: a batch of `batch_max`,
// each of which counts against the caller's rate.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "api/json.h"

namespace kith::api {

/// Whoever sends requests.
struct RpcCaller {
  bool may_change_state = false;
  /// Gets what a subscription brings; empty where only one answer can be given.
  std::function<void(Json item)> on_item = {};
  /// Asked for each request of a batch beyond the first, which whoever called handle() has let in.
  std::function<bool()> may_ask_now = {};
};

struct RpcReply {
  std::string text;            // empty: notifications have no answer
  std::optional<Error> error;  // of a request that was no batch
  bool is_no_request = false;  // neither JSON nor a request
};

class Rpc {
 public:
  using Done = std::function<void(RpcReply reply)>;
  static constexpr std::size_t batch_max = 64;

  explicit Rpc(Api& api) : api_(api) {}

  /// Returns the numbers of the requests that were made, for Api::abandon. `done` is called once,
  /// perhaps before it returns.
  std::vector<std::uint64_t> handle(Instant now, std::string_view text, const RpcCaller& caller,
                                    Done done);
  /// The response to a request that is not looked at.
  static std::string refusal(std::string_view text, const Error& error);

 private:
  struct Batch;
  std::uint64_t handle_one(Instant now, Json request, const RpcCaller& caller,
                           const std::shared_ptr<Batch>& batch, bool is_first);

  Api& api_;
};

/// The number of an error in a response.
int rpc_code_of(const Error& error);

}  // namespace kith::api

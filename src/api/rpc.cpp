#include "api/rpc.h"

#include "api/access.h"
#include "api/call.h"
#include "base/format.h"

namespace kith::api {
namespace {

constexpr int no_json = -32700;
constexpr int no_request = -32600;
constexpr int no_method = -32601;
constexpr int bad_params = -32602;
constexpr int first_own = -32000;

Json response(const Json& id, const char* key, Json value) {
  return Json{{"jsonrpc", "2.0"}, {"id", id}, {key, std::move(value)}};
}

Json error_view(int code, const Error& error) {
  return Json{{"code", code},
              {"message", error.message},
              {"data", Json{{"code", base::name_of(error.code)}}}};
}

bool is_id(const Json& id) { return id.is_string() || id.is_number() || id.is_null(); }

/// Reading the id of a refused request must not cost what the refusal saves.
constexpr std::size_t refused_bytes_max = 1024;

}  // namespace

std::string Rpc::refusal(std::string_view text, const Error& error) {
  Json id;
  if (text.size() <= refused_bytes_max) {
    const auto request = parse_json(text);
    if (request && request->is_object()) id = request->value("id", Json());
  }
  return to_line(response(is_id(id) ? id : Json(), "error", error_view(rpc_code_of(error), error)));
}

int rpc_code_of(const Error& error) {
  return error.code == Code::usage ? bad_params : first_own - static_cast<int>(error.code);
}

/// Gathers the responses until the last one is there.
struct Rpc::Batch {
  Done done;
  bool is_list = false;
  std::size_t waiting = 0;
  Json responses = Json::array();
  std::optional<Error> error;
  bool is_no_request = false;

  void add(Json line) { responses.push_back(std::move(line)); }
  void refuse(const Json& id, int code, const Error& e) {
    add(response(id, "error", error_view(code, e)));
    error = e;
    is_no_request = code == no_json || code == no_request;
  }
  void end_one() {
    if (--waiting > 0) return;
    RpcReply reply;
    if (!responses.empty()) reply.text = to_line(is_list ? responses : responses.front());
    if (!is_list) reply.error = std::move(error);
    reply.is_no_request = !is_list && is_no_request;
    done(std::move(reply));
  }
};

std::vector<std::uint64_t> Rpc::handle(Instant now, std::string_view text, const RpcCaller& caller,
                                       Done done) {
  auto batch = std::make_shared<Batch>();
  batch->done = std::move(done);
  batch->waiting = 1;  // until all have been begun
  std::vector<std::uint64_t> numbers;
  auto json = parse_json(text);
  if (!json) {
    batch->refuse(nullptr, no_json, json.error());
  } else if (!json->is_array()) {
    ++batch->waiting;
    numbers.push_back(handle_one(now, *std::move(json), caller, batch, true));
  } else if (json->empty() || json->size() > batch_max) {
    batch->refuse(nullptr, no_request,
                  {Code::malformed, base::format("a batch has 1 to {} requests", batch_max)});
  } else {
    batch->is_list = true;
    for (Json& request : *json) {
      ++batch->waiting;
      const bool is_first = numbers.empty();
      numbers.push_back(handle_one(now, std::move(request), caller, batch, is_first));
    }
  }
  batch->end_one();
  return numbers;
}

std::uint64_t Rpc::handle_one(Instant now, Json request, const RpcCaller& caller,
                              const std::shared_ptr<Batch>& batch, bool is_first) {
  const bool is_notification = request.is_object() && !request.contains("id");
  const Json id = request.is_object() ? request.value("id", Json()) : Json();
  const auto refuse = [&](int code, const Error& error) {
    // Only what cannot be told from a request is answered without having asked for it.
    if (is_notification && code != no_request) {
      batch->error = error;
    } else {
      batch->refuse(is_id(id) ? id : Json(), code, error);
    }
    batch->end_one();
    return api_.next_number();
  };
  if (!is_first && caller.may_ask_now && !caller.may_ask_now()) {
    return refuse(rpc_code_of(too_many_requests()), too_many_requests());
  }
  if (!request.is_object() || !is_id(id) || !request.contains("method") ||
      !request["method"].is_string() || request.value("jsonrpc", Json()) != "2.0") {
    return refuse(no_request,
                  {Code::malformed, R"(a request is {"jsonrpc":"2.0","id":1,"method":"..."})"});
  }
  const auto name = request["method"].get<std::string>();
  const Api::Method* method = Api::find(name);
  if (method == nullptr) return refuse(no_method, unknown_method(name));
  if (method->changes_state && !caller.may_change_state) {
    const Error error{Code::permission, base::format("{} needs the token of api.token", name)};
    return refuse(rpc_code_of(error), error);
  }
  const bool is_subscription = method->path.empty();
  if (is_subscription && !caller.on_item) {
    const Error error{Code::unsupported,
                      base::format("{} is answered over the WebSocket /v1/events", name)};
    return refuse(rpc_code_of(error), error);
  }
  auto is_answered = std::make_shared<bool>(false);
  Call call([batch, id, is_notification, is_answered, on_item = caller.on_item](Result<Json> result,
                                                                                bool is_last) {
    if (!is_last) return on_item(*std::move(result));
    if (std::exchange(*is_answered, true)) return;
    if (!result) batch->error = result.error();
    if (!is_notification) {
      batch->add(
          result ? response(id, "result", *std::move(result))
                 : response(id, "error", error_view(rpc_code_of(result.error()), result.error())));
    }
    batch->end_one();
  });
  if (request.contains("params")) call.params = std::move(request["params"]);
  const Answer answer = call.answer;
  const std::uint64_t number = api_.start(now, *method, std::move(call));
  // A subscription that was not refused at once has begun; what it brings are events.
  if (is_subscription) answer(Json{{"subscribed", true}}, true);
  return number;
}

}  // namespace kith::api

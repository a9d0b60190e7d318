// HTTP requests of anybody, and what a WebSocket's client says: each request gets exactly one
// response, at once or after the node's report, and without the token nothing changes.
//
// The input is a list of requests: a byte of choices, then method, target, one header, body, each
// ended by a zero byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "api/events.h"
#include "api/http.h"
#include "base/assert.h"
#include "base/bytes.h"

namespace {

using namespace kith;

constexpr std::string_view token = "0123456789abcdef0123456789abcdef";

std::string take(std::string_view& text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  std::string part(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

codec::HttpRequest request_of(std::string_view& text) {
  const auto choices = static_cast<unsigned char>(text[0]);
  text.remove_prefix(1);
  static constexpr const char* verbs[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"};
  codec::HttpRequest request;
  request.method = take(text);
  if ((choices & 7U) < std::size(verbs)) request.method = verbs[choices & 7U];
  request.target = take(text);
  std::string header = take(text);
  const std::size_t colon = std::min(header.find(':'), header.size());
  request.headers.push_back({"host", "localhost"});
  request.headers.push_back(
      {header.substr(0, colon), header.substr(std::min(colon + 1, header.size()))});
  request.body = take(text);
  request.is_websocket = (choices & 8U) != 0;
  request.remote = (choices & 16U) != 0 ? "::1" : "127.0.0.1";
  request.local = "127.0.0.1";
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SeededRng rng(1);
  const crypto::KeyPair key = crypto::KeyPair::generate(rng);
  node::Node node({}, key, rng, base::null_log());
  bool is_stopped = false;
  std::vector<std::size_t> responses;  // by request
  std::set<std::size_t> opened;        // of these, WebSockets
  api::Surroundings surroundings;
  surroundings.stop = [&] { is_stopped = true; };
  api::Api api(node, std::move(surroundings));
  api::AccessConfig access;
  access.token = token;
  access.rate = {.per_second = 1000, .burst = 1000};
  api::Http http(api, access);
  api::Events events(api, http);
  const Instant now{};
  node.on_input(now, host::WallClock{{1'700'000'000'000}});
  node.start(now);
  std::string_view text = base::as_text({data, size});
  while (!text.empty()) {
    const codec::HttpRequest request = request_of(text);
    responses.push_back(0);
    const std::size_t i = responses.size() - 1;
    // It may come when all is over.
    http.request(now, request,
                 [&responses, &opened, i,
                  may_open = request.is_websocket](const codec::HttpResponse& response) {
                   ASSERT(++responses[i] == 1);
                   ASSERT(response.status >= 101 && response.status < 600);
                   if (response.status == 101) opened.insert(i);
                   ASSERT(!opened.contains(i) || may_open);
                 });
    if (opened.contains(i)) {
      const auto client = events.open(now, request, [](const std::string& line) {
        ASSERT(!line.empty() && line.find('\n') == std::string::npos);
      });
      events.on_text(now, client, request.body);
      if ((size & 1U) != 0) events.close(now, client);
    }
    while (node.poll_output(now)) {
    }
    while (auto report = node.poll_report()) {
      api.on_report(now, *report);
      events.on_report(now, *report);
    }
  }
  const std::string_view whole = base::as_text({data, size});
  ASSERT(whole.find(token) != std::string_view::npos ||
         (!is_stopped && api.subscriptions() == 0 && api.pending() == 0));
  api.close();
  ASSERT(std::all_of(responses.begin(), responses.end(), [](std::size_t n) { return n == 1; }));
  return 0;
}

// Requests to the API of a node that reaches nobody, a line each: every one is answered at most
// once, at once or after the node's report.
#include <cstddef>
#include <cstdint>
#include <map>

#include "api/api.h"
#include "base/assert.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  static SeededRng rng(1);
  static const crypto::KeyPair key = crypto::KeyPair::generate(rng);
  node::Node node({}, key, rng, base::null_log());
  api::Api api(node, {});
  const Instant now{};
  node.on_input(now, host::WallClock{{1'700'000'000'000}});
  node.start(now);
  std::map<std::size_t, int> replies;
  std::size_t requests = 0;
  std::string_view text = base::as_text({data, size});
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    api.request(now, text.substr(0, end),
                [&replies, at = requests](std::string line, bool is_last) {
                  ASSERT(line.find('\n') == std::string::npos);
                  ASSERT(is_last && ++replies[at] == 1);
                });
    ++requests;
    text.remove_prefix(std::min(end + 1, text.size()));
    while (node.poll_output(now)) {
    }
    while (auto report = node.poll_report()) api.on_report(now, *report);
  }
  ASSERT(replies.size() + api.pending() + api.subscriptions() == requests);
  return 0;
}

// Configuration from its three text forms, each loaded as far as it goes: TOML, JSON, and
// KEY=VALUE. What loads must document itself.
#include <cstddef>
#include <cstdint>

#include "api/config_json.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "node/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  if (size == 0) return 0;
  const std::string_view text = base::as_text({data + 1, size - 1});
  Result<std::vector<node::Setting>> settings = std::vector<node::Setting>{};
  switch (data[0] % 3) {
    case 0: settings = node::parse_toml(text, "fuzz.toml"); break;
    case 1: settings = api::parse_config_json(text, "fuzz.json"); break;
    default:
      if (auto one = node::parse_assignment(text, "--set")) settings->push_back(*std::move(one));
  }
  if (!settings) return 0;
  const auto loaded = node::load_settings(*std::move(settings));
  if (loaded) ASSERT(!api::config_json(loaded->effective).empty());
  return 0;
}

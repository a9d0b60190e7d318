// A swarm.key of any text: refused, or a key that is read again from what is written.
#include <cstdint>

#include "secure/pnet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const auto key = secure::parse_swarm_key(base::as_text({data, size}));
  if (!key) return 0;
  const auto again = secure::parse_swarm_key(secure::format_swarm_key(*key));
  ASSERT(again && *again == *key);
  return 0;
}

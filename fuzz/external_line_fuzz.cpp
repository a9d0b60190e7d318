// Lines of an external worker program: any text is refused, or encodes to the very same text again.
#include "compute/external_line.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const std::string_view text = base::as_text({data, size});
  const auto line = compute::decode_external_line(text);
  if (line) ASSERT(compute::encode(*line) == text);
  return 0;
}

// Files of tuned shapes: arbitrary text, and lines below the right head, are refused, or read and
// written to the very same bytes.
#include <cstdint>

#include "base/bytes.h"
#include "compute/collatz/gpu_shape.h"

namespace {

void read(std::string_view text) {
  using namespace kith::compute::collatz;
  const auto shapes = parse_shapes(text);
  if (!shapes) return;
  ASSERT(encode_shapes(*shapes) == text);
  for (const auto& [key, shape] : *shapes) ASSERT(check_shape(shape) && shape_key(key) == key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = kith::base::as_text({data, size});
  read(text);
  read("kith collatz shapes 1\n" + std::string(text));
  return 0;
}

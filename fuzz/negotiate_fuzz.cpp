// Both sides of a multistream-select negotiation. The first byte chooses the side (bit 0) and the
// pieces in which the rest arrives; whatever the pieces, the outcome must be the same.
#include <cstdint>

#include "base/assert.h"
#include "codec/multistream.h"
#include "host/negotiate.h"

namespace {

using namespace kith;

struct Outcome {
  bool has_failed = false;
  std::size_t taken = 0;
  std::optional<std::string> agreed;
  Bytes output;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome negotiate(bool listens, ByteView bytes, std::size_t piece) {
  auto side = listens ? host::Negotiator::listener() : host::Negotiator::dialer({"/a/1", "/b/1"});
  Outcome outcome;
  while (!bytes.empty() && !outcome.agreed) {
    const ByteView part = bytes.first(std::min(piece, bytes.size()));
    const auto progress = side.on_bytes(
        part, [](std::string_view asked) { return asked == "/a/1" || asked == "/noise"; });
    if (!progress) {
      outcome.has_failed = true;
      outcome.taken = 0;
      outcome.output = {};  // a failed side is not asked for more
      return outcome;
    }
    ASSERT(progress->taken <= part.size());
    ASSERT(progress->agreed || progress->taken == part.size());
    outcome.taken += progress->taken;
    outcome.agreed = progress->agreed;
    bytes = bytes.subspan(progress->taken);
    base::append(outcome.output, side.take_output());
    ASSERT(outcome.output.size() <= 4096);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool listens = (data[0] & 1) != 0;
  const ByteView bytes{data + 1, size - 1};
  ASSERT(negotiate(listens, bytes, bytes.size()) == negotiate(listens, bytes, 1 + (data[0] >> 1)));
  return 0;
}

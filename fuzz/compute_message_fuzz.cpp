// Messages of /kith/compute/1.0.0, and a worker's own journal: what is read encodes to the very
// same bytes.
#include <cstdint>

#include "codec/compute_message.h"
#include "node/worker_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto request = codec::decode_compute_request(bytes)) {
    ASSERT(base::equal(codec::encode(*request), bytes));
  }
  if (const auto answer = codec::decode_compute_answer(bytes)) {
    ASSERT(base::equal(codec::encode(*answer), bytes));
  }
  if (const auto kept = node::decode_kept(bytes)) {
    const Bytes encoded = node::encode_kept(*kept);
    // Tasks and checks have an older form (kinds 1 and 2), which is read only.
    ASSERT(bytes.front() <= 2 || base::equal(encoded, bytes));
    ASSERT(node::decode_kept(encoded).value() == *kept);
    node::WorkerMemory memory;
    memory.keep(*kept);
    // A place is that of a result, of which there is none here.
    const bool is_place = std::holds_alternative<node::FirstPlaced>(*kept);
    ASSERT(memory.all().size() == (is_place ? 0 : 1));
  }
  return 0;
}

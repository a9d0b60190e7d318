// Packer on any bytes, as packed ones and as content, under limits that are soon reached: never
// more comes out than they allow, and what was packed is unpacked as it was. The first byte says
// how often the rest is repeated for content.
#include <cstdint>

#include "codec/packed.h"
#include "input.h"

namespace {

using namespace kith;

constexpr codec::PackedLimits limits{.content_bytes_max = 3000, .ratio_max = 20};

void unpack(codec::Packer& packer, ByteView packed) {
  const auto content = packer.unpack(packed, limits);
  if (!content) {
    ASSERT(content.error().code == Code::malformed || content.error().code == Code::too_large);
    return;
  }
  ASSERT(content->size() <= limits.content_bytes_max);
  ASSERT(content->size() <= limits.ratio_max * packed.size());
  // A context that has seen anything makes no difference.
  const auto again = codec::Packer().unpack(packed, limits);
  ASSERT(again && *again == *content);
  // Less bounds are kept too.
  if (content->empty()) return;
  const codec::PackedLimits less{.content_bytes_max = content->size() - 1, .ratio_max = 20};
  const auto over = packer.unpack(packed, less);
  ASSERT(!over && over.error().code == Code::too_large);
}

void pack(codec::Packer& packer, ByteView content) {
  const auto packed = packer.pack(content, limits);
  if (!packed) return;
  ASSERT(content.size() <= limits.content_bytes_max && packed->size() < content.size());
  const auto unpacked = packer.unpack(*packed, limits);
  ASSERT(unpacked && base::equal(*unpacked, content));
  ASSERT(!packer.unpack(ByteView(*packed).first(packed->size() - 1), limits));
  Bytes longer = *packed;
  longer.push_back(0);
  ASSERT(!packer.unpack(longer, limits));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  fuzz::Input input{{data, size}};
  static codec::Packer packer;
  const std::size_t times = 1U + input.byte() % 32;
  unpack(packer, input.rest);
  Bytes framed{0x28, 0xb5, 0x2f, 0xfd};  // zstd's magic
  base::append(framed, input.rest);
  unpack(packer, framed);
  Bytes content;
  for (std::size_t i = 0; i < times && content.size() <= 2 * limits.content_bytes_max; ++i) {
    base::append(content, input.rest);
  }
  pack(packer, content);
  return 0;
}

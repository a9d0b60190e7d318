#include "packet/stream_receive.h"

#include "base/format.h"

namespace kith::packet {

Result<void> StreamReceive::check(std::uint32_t stream, std::uint64_t offset, std::uint64_t bytes,
                                  bool with_end) const {
  const std::uint64_t end = offset + bytes;
  if (end > window.limit) {
    return fail(Code::protocol, base::format("bytes to {} of stream {}, whose credit is {}", end,
                                             stream, window.limit));
  }
  if (has_end() && (with_end ? end != final_size_ : end > final_size_)) {
    return fail(Code::protocol, base::format("bytes to {} of stream {}, which ends at {}", end,
                                             stream, final_size_));
  }
  if (with_end && end < highest_) {
    return fail(Code::protocol, base::format("stream {} ends at {}, below {} that it has said",
                                             stream, end, highest_));
  }
  return {};
}

Result<void> StreamReceive::keep(std::uint32_t stream, std::uint64_t offset, ByteView data,
                                 BlockPool& pool) {
  const RangeSet::Added added = early_.add({offset, offset + data.size() - 1});
  if (added == RangeSet::Added::nothing) return {};
  if (added == RangeSet::Added::no_room || has_run_too_many(early_, gaps_max_)) {
    return fail(Code::protocol, base::format("stream {} has a gap too many below {}, limit {}",
                                             stream, offset, gaps_max_));
  }
  blocks_.write(offset, data, pool);
  return {};
}

std::uint64_t StreamReceive::discard(BlockPool& pool) {
  is_discarding_ = true;
  blocks_.clear(pool);
  early_.clear();
  delivered_ = highest_;
  const std::uint64_t bytes = highest_ - window.returned;
  window.returned = highest_;
  return bytes;
}

}  // namespace kith::packet

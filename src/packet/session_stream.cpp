#include "packet/session_stream.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/format.h"

namespace kith::packet {
namespace {

/// Code, offset and length of a SESSION frame, at their longest.
constexpr std::size_t front_bytes_max = 1 + 9 + 3;

}  // namespace

SessionStream::Flow& SessionStream::flow() {
  if (!flow_) flow_ = std::make_unique<Flow>();
  return *flow_;
}

void SessionStream::write(ByteView bytes) {
  ASSERT(bytes.size() <= room());
  base::append(flow().out, bytes);
}

void SessionStream::fill(FrameWriter& writer, std::vector<FrameNote>& notes) {
  if (!flow_) return;
  RangeSet& lost = flow_->lost;
  while (!lost.empty()) {
    const NumberRange range = lost.ranges().front();
    std::uint64_t written = 0;
    if (!write_from(writer, notes, range.first, range.last + 1, written)) return;
    lost.remove_below(written);
  }
  while (next_ < out_end()) {
    if (!write_from(writer, notes, next_, out_end(), next_)) return;
  }
}

bool SessionStream::write_from(FrameWriter& writer, std::vector<FrameNote>& notes,
                               std::uint64_t from, std::uint64_t to, std::uint64_t& written) {
  if (writer.room() <= front_bytes_max) return false;
  const std::size_t count =
      std::min<std::size_t>(writer.room() - front_bytes_max, static_cast<std::size_t>(to - from));
  const ByteView data =
      ByteView(flow_->out).subspan(static_cast<std::size_t>(from - out_base_), count);
  if (!writer.write(SessionFrame{from, data})) return false;
  notes.push_back({FrameNote::Kind::session, 0, static_cast<std::uint16_t>(count), 0, from});
  written = from + count;
  return true;
}

void SessionStream::on_acked(const FrameNote& note) {
  const std::uint64_t end = note.offset + note.bytes;
  if (end <= out_base_ || note.bytes == 0) return;  // so there is a flow
  Flow& flow = *flow_;
  const std::uint64_t first = std::max(note.offset, out_base_);
  // With more gaps than are kept the bytes count as unacknowledged: they are sent once more.
  if (flow.acked.add({first, end - 1}) == RangeSet::Added::no_room) return;
  const NumberRange front = flow.acked.ranges().front();
  if (front.first > out_base_) return;
  const std::uint64_t base = front.last + 1;
  flow.out.erase(flow.out.begin(),
                 flow.out.begin() + static_cast<std::ptrdiff_t>(base - out_base_));
  out_base_ = base;
  flow.acked.remove_below(base);
  flow.lost.remove_below(base);
  if (flow.out.empty()) flow.out.shrink_to_fit();
}

void SessionStream::on_lost(const FrameNote& note) {
  const std::uint64_t end = note.offset + note.bytes;
  if (end <= out_base_ || note.bytes == 0) return;  // so there is a flow
  NumberRange range{std::max(note.offset, out_base_), end - 1};
  if (flow_->acked.covers(range)) return;
  // Too many holes: all from the lowest on is sent again, which is at most 64 KiB.
  if (flow_->lost.add(range) == RangeSet::Added::no_room) {
    flow_->lost.clear();
    flow_->lost.add({out_base_, next_ - 1});
  }
}

Result<void> SessionStream::on_frame(const SessionFrame& frame) {
  forget_given();
  const std::uint64_t end = frame.offset + frame.data.size();
  if (frame.data.empty() || end <= in_base_ + arrived_) return {};
  if (end > in_base_ + given_ + bytes_max) {
    return fail(Code::protocol, base::format("session bytes up to {}, allowed up to {}", end,
                                             in_base_ + given_ + bytes_max));
  }
  Flow& flow = this->flow();
  const std::uint64_t first = std::max(frame.offset, in_base_);
  if (flow.in_ranges.add({first, end - 1}) == RangeSet::Added::no_room) {
    return fail(Code::protocol, base::format("session bytes with over {} gaps", gaps_max));
  }
  const auto at = static_cast<std::size_t>(first - in_base_);
  const ByteView data = frame.data.subspan(static_cast<std::size_t>(first - frame.offset));
  if (flow.in.size() < at + data.size()) flow.in.resize(at + data.size());
  std::memcpy(flow.in.data() + at, data.data(), data.size());
  const NumberRange front = flow.in_ranges.ranges().front();
  if (front.first <= in_base_ + arrived_) {
    arrived_ = static_cast<std::size_t>(front.last + 1 - in_base_);
  }
  return {};
}

/// What was given and is not looked at any more goes, whatever waits behind it.
void SessionStream::forget_given() {
  if (given_ == 0) return;
  flow_->in.erase(flow_->in.begin(), flow_->in.begin() + static_cast<std::ptrdiff_t>(given_));
  in_base_ += given_;
  arrived_ -= given_;
  given_ = 0;
  flow_->in_ranges.remove_below(in_base_);
}

void SessionStream::release() {
  forget_given();
  if (flow_ && flow_->in.empty() && flow_->out.empty()) flow_.reset();
}

ByteView SessionStream::take_arrived() {
  if (!has_arrived()) return {};
  const ByteView bytes = ByteView(flow_->in).subspan(given_, arrived_ - given_);
  given_ = arrived_;
  return bytes;
}

}  // namespace kith::packet

#include "packet/stream_send.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace kith::packet {
namespace {

/// Small writes that find others waiting are joined: a Buffer for each byte would cost more than
/// the bytes.
constexpr std::size_t joined_bytes_max = 4096;

}  // namespace

void SentRanges::on_acked(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = offset + bytes;
  if (end <= acked_end_) return;
  if (offset > acked_end_) {
    ASSERT(acked_.add({offset, end - 1}) != RangeSet::Added::no_room);
    return;
  }
  acked_end_ = end;
  while (!acked_.empty() && acked_.ranges().front().first <= acked_end_) {
    acked_end_ = std::max(acked_end_, acked_.ranges().front().last + 1);
    acked_.remove_below(acked_end_);
  }
  if (!lost_.empty()) lost_.remove_below(acked_end_);
}

void SentRanges::on_lost(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = offset + bytes;
  if (end <= acked_end_) return;
  ASSERT(lost_.add({std::max(offset, acked_end_), end - 1}) != RangeSet::Added::no_room);
}

std::optional<NumberRange> SentRanges::find_lost() {
  while (!lost_.empty()) {
    NumberRange lost = lost_.ranges().front();
    const auto acked =
        std::ranges::lower_bound(acked_.ranges(), lost.first, {}, &NumberRange::last);
    if (acked == acked_.ranges().end() || acked->first > lost.last) return lost;
    if (acked->first > lost.first) return NumberRange{lost.first, acked->first - 1};
    lost_.remove_below(acked->last + 1);  // came after all
  }
  return std::nullopt;
}

void StreamSend::write(Buffer data) {
  ASSERT(!is_finished_ && !is_reset_);
  if (data.empty()) return;
  const std::uint64_t start = end_;
  end_ += data.size();
  const bool is_joined = head_ + 1 < pieces_.size() && data.size() <= joined_bytes_max / 4 &&
                         pieces_.back().data.size() + data.size() <= joined_bytes_max;
  if (!is_joined) return pieces_.push_back({std::move(data), start});
  Bytes joined;
  joined.reserve(pieces_.back().data.size() + data.size());
  base::append(joined, pieces_.back().data.view());
  base::append(joined, data.view());
  pieces_.back().data = Buffer(std::move(joined));
}

void StreamSend::reset() {
  is_reset_ = true;
  pieces_ = std::vector<Piece>();
  head_ = hint_ = 0;
  end_ = sent_;
  ranges_.clear();
}

std::size_t StreamSend::index_of(std::uint64_t offset) const {
  for (std::size_t index = hint_; index < std::min(hint_ + 2, pieces_.size()); ++index) {
    if (pieces_[index].start <= offset && offset < pieces_[index].end()) return index;
  }
  const auto after =
      std::upper_bound(pieces_.begin() + static_cast<std::ptrdiff_t>(head_), pieces_.end(), offset,
                       [](std::uint64_t value, const Piece& piece) { return value < piece.start; });
  return static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

void StreamSend::copy(std::uint64_t offset, ByteSpan out) {
  std::size_t index = index_of(offset);
  while (true) {
    const Piece& piece = pieces_[index];
    const ByteView rest = piece.data.view().subspan(static_cast<std::size_t>(offset - piece.start));
    const std::size_t size = std::min(rest.size(), out.size());
    std::memcpy(out.data(), rest.data(), size);
    out = out.subspan(size);
    offset += size;
    if (out.empty()) break;
    ++index;
  }
  hint_ = index;
}

void StreamSend::on_sent(std::uint64_t offset, std::uint64_t bytes, bool with_end) {
  if (offset == sent_) {
    sent_ += bytes;
  } else {
    ranges_.on_resent(offset + bytes);
  }
  if (!with_end) return;
  is_end_sent_ = true;
  is_end_lost_ = false;
}

void StreamSend::on_acked(std::uint64_t offset, std::uint64_t bytes, bool with_end) {
  if (is_reset_) return;
  if (with_end) is_end_acked_ = true;
  if (bytes > 0) {
    ranges_.on_acked(offset, bytes);
    drop_acked();
  }
  is_over_ = is_end_acked_ && ranges_.acked_end() == end_;
}

void StreamSend::on_lost(std::uint64_t offset, std::uint64_t bytes, bool with_end) {
  if (is_reset_) return;
  if (with_end && !is_end_acked_) is_end_lost_ = true;
  if (bytes > 0) ranges_.on_lost(offset, bytes);
}

void StreamSend::drop_acked() {
  const std::uint64_t acked = ranges_.acked_end();
  while (head_ < pieces_.size() && pieces_[head_].end() <= acked) {
    pieces_[head_].data = Buffer();  // its block may be shared: let go of it now
    ++head_;
  }
  if (head_ == pieces_.size()) {
    pieces_.clear();
    head_ = hint_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
    hint_ -= std::min(hint_, head_);
    head_ = 0;
  }
  hint_ = std::max(hint_, head_);
}

}  // namespace kith::packet

#include "packet/sent_ring.h"

#include <algorithm>
#include <utility>

namespace kith::packet {

void SentRing::grow() {
  const std::size_t places = 2 * places_;
  auto records = std::make_unique<SentRecord[]>(places);
  NumberBits open(places), lost(places), skipped(places);
  for (PacketNumber number = begin_; number < end_; ++number) {
    records[number & (places - 1)] = at(number);
    if (open_.has(number)) open.set(number);
    if (lost_.has(number)) lost.set(number);
    if (skipped_.has(number)) skipped.set(number);
  }
  records_ = std::move(records);
  open_ = std::move(open);
  lost_ = std::move(lost);
  skipped_ = std::move(skipped);
  places_ = places;
}

SentRecord& SentRing::push(PacketNumber number) {
  ASSERT(number >= end_ && has_place_for(number));
  for (; end_ < number; ++end_) {
    at(end_) = {};
    skipped_.set(end_);
    ++skipped_count_;
  }
  ++end_;
  open_.set(number);
  return at(number);
}

void SentRing::trim(PacketNumber front) {
  if (skipped_count_ > 0) {
    while (front > begin_ && skipped_.has(front - 1)) --front;
    for (PacketNumber skipped = skipped_.next(begin_, front); skipped < front;
         skipped = skipped_.next(skipped + 1, front)) {
      skipped_.clear(skipped);
      --skipped_count_;
    }
  }
  begin_ = front;
  first_open_ = std::max(first_open_, front);
}

void SentRing::note(SentRecord& record, std::span<const FrameNote> notes) {
  record.more = SentRecord::no_more;
  if (notes.empty()) return;
  record.note = notes.front();
  record.flags |= SentRecord::noted;
  // From behind, so that the chain has their order.
  for (std::size_t i = notes.size(); i-- > 1;) {
    std::uint32_t place = free_;
    if (place == SentRecord::no_more) {
      place = static_cast<std::uint32_t>(slab_.size());
      slab_.emplace_back();
    } else {
      free_ = slab_[place].next;
    }
    slab_[place] = {.note = notes[i], .next = record.more};
    record.more = place;
  }
}

void SentRing::take_more(SentRecord& record, std::vector<FrameNote>* out) {
  for (std::uint32_t place = record.more; place != SentRecord::no_more;) {
    if (out != nullptr) out->push_back(slab_[place].note);
    const std::uint32_t next = std::exchange(slab_[place].next, free_);
    free_ = place;
    place = next;
  }
  record.more = SentRecord::no_more;
}

std::size_t SentRing::slab_free() const {
  std::size_t count = 0;
  for (std::uint32_t place = free_; place != SentRecord::no_more; place = slab_[place].next) {
    ++count;
  }
  return count;
}

}  // namespace kith::packet

#include "packet/message_send.h"

#include <utility>

#include "base/assert.h"

namespace kith::packet {

OutMessage& MessagesOut::add() {
  ASSERT(!is_span_full());
  if (next_ - base_ == ring_.size()) grow();
  std::unique_ptr<OutMessage>& slot = ring_[next_ & (ring_.size() - 1)];
  if (spares_.empty()) {
    slot = std::make_unique<OutMessage>();
  } else {
    slot = std::move(spares_.back());
    spares_.pop_back();
  }
  slot->number = next_++;
  ++count_;
  return *slot;
}

void MessagesOut::erase(OutMessage& message) {
  ASSERT(message.place == Scheduled::Place::nowhere);
  std::unique_ptr<OutMessage>& slot = ring_[message.number & (ring_.size() - 1)];
  if (message.is_in_pieces) --in_pieces;
  --count_;
  if (spares_.size() < spares_max && !message.is_in_pieces) {
    std::destroy_at(slot.get());
    std::construct_at(slot.get());
    spares_.push_back(std::move(slot));
  }
  slot.reset();
  while (base_ < next_ && ring_[base_ & (ring_.size() - 1)] == nullptr) ++base_;
}

void MessagesOut::clear() {
  ring_ = std::vector<std::unique_ptr<OutMessage>>();
  spares_ = std::vector<std::unique_ptr<OutMessage>>();
  base_ = next_;
  count_ = in_pieces = 0;
}

void MessagesOut::grow() {
  std::vector<std::unique_ptr<OutMessage>> ring(ring_.empty() ? 16 : 2 * ring_.size());
  for (MessageNumber number = base_; number < next_; ++number) {
    ring[number & (ring.size() - 1)] = std::move(ring_[number & (ring_.size() - 1)]);
  }
  ring_ = std::move(ring);
}

}  // namespace kith::packet

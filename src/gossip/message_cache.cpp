#include "gossip/message_cache.h"

#include <algorithm>

namespace kith::gossip {

static constexpr std::size_t number_mask = (std::size_t{1} << 31) - 1;

void MessageCache::put(CachedMessage message) {
  if (config_.messages_max == 0 || index_.find(message.key)) return;
  const std::size_t size = message.frame.size() + message.id.size();
  if (size > config_.bytes_max) return;
  while (entries_.size() >= config_.messages_max || bytes_ + size > config_.bytes_max) pop_front();
  bytes_ += size;
  index_.insert(message.key, static_cast<std::uint32_t>((popped_ + entries_.size()) & number_mask));
  if (message.expires != CachedMessage::never) ++expiring_;
  entries_.push_back({std::move(message), {}, now_});
}

const MessageCache::Entry* MessageCache::entry_of(const MessageKey& key) const {
  const auto number = index_.find(key);
  if (!number) return nullptr;
  return &entries_[(*number - popped_) & number_mask];
}

const CachedMessage* MessageCache::find(const MessageKey& key) const {
  const Entry* entry = entry_of(key);
  return entry == nullptr ? nullptr : &entry->message;
}

const CachedMessage* MessageCache::ask(const MessageKey& key, PeerSlot peer, WallTime wall) {
  const auto number = index_.find(key);
  if (!number) return nullptr;
  Entry& entry = entries_[(*number - popped_) & number_mask];
  if (entry.message.expires <= wall) return nullptr;
  auto asked = std::find_if(entry.asked.begin(), entry.asked.end(),
                            [&](const Asked& each) { return each.peer == peer; });
  if (asked == entry.asked.end()) asked = entry.asked.insert(asked, {peer, 0});
  if (asked->count >= config_.retransmissions_max) return nullptr;
  ++asked->count;
  return &entry.message;
}

std::vector<ByteView> MessageCache::gossip_ids(TopicSlot topic, std::size_t ids_max,
                                               WallTime wall) const {
  std::vector<ByteView> ids;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && ids.size() < ids_max; ++entry) {
    if (entry->window + config_.gossip_windows <= now_) break;
    if (entry->message.topic != topic || entry->is_gone || entry->message.expires <= wall) continue;
    ids.push_back(entry->message.id.view());
  }
  return ids;
}

void MessageCache::shift(WallTime wall) {
  ++now_;
  if (expiring_ > 0) {
    for (Entry& entry : entries_) {
      if (!entry.is_gone && entry.message.expires <= wall) drop(entry);
    }
  }
  while (!entries_.empty() && entries_.front().window + windows_ <= now_) pop_front();
}

void MessageCache::forget_peer(PeerSlot peer) {
  for (Entry& entry : entries_) {
    std::erase_if(entry.asked, [&](const Asked& asked) { return asked.peer == peer; });
  }
}

void MessageCache::forget_topic(TopicSlot topic) {
  for (Entry& entry : entries_) {
    if (entry.message.topic == topic) entry.message.topic = no_slot;
  }
}

void MessageCache::drop(Entry& entry) {
  CachedMessage& message = entry.message;
  index_.erase(message.key);
  bytes_ -= message.frame.size() + message.id.size();
  if (message.expires != CachedMessage::never) --expiring_;
  message.frame = {};
  message.id = {};
  entry.asked = {};
  entry.is_gone = true;
}

void MessageCache::pop_front() {
  if (!entries_.front().is_gone) drop(entries_.front());
  entries_.pop_front();
  ++popped_;
}

}  // namespace kith::gossip

#include "packet/message_receive.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/format.h"
#include "packet/message_send.h"

namespace kith::packet {

MessagesIn::MessagesIn(const ServicesConfig& config)
    : config_(config), limit_(config.messages_sent_max), done_(config.messages_sent_max + 2) {}

Result<void> MessagesIn::check(MessageNumber number, std::uint64_t total) const {
  if (number >= limit_) {
    return fail(Code::protocol,
                base::format("message {}, credit is for those below {}", number, limit_));
  }
  if (total > config_.message_bytes_max) {
    return fail(Code::protocol, base::format("message {} of {} bytes, limit {}", number, total,
                                             config_.message_bytes_max));
  }
  return {};
}

Result<MessagesIn::Taken> MessagesIn::take(const Part& part, BlockPool& pool,
                                           std::vector<ByteView>& pieces) {
  if (is_done(part.number)) return Taken::old;
  if (is_expired(part.number)) {
    return fail(Code::protocol, base::format("a part of message {}, dropped after {} ms without "
                                             "a byte",
                                             part.number, base::to_ms(config_.assembly_timeout)));
  }
  Assembly* assembly = find(part.number);
  if (assembly != nullptr &&
      (assembly->total != part.total || assembly->is_compressed != part.is_compressed ||
       (part.fragments != 0 && assembly->fragments != 0 &&
        assembly->fragments != part.fragments))) {
    return fail(Code::protocol,
                base::format("message {} had {} bytes in {} fragments, now {} in {}", part.number,
                             assembly->total, assembly->fragments, part.total, part.fragments));
  }
  if (part.data.size() == part.total) {
    if (assembly != nullptr) drop(part.number, pool);
    pieces.push_back(part.data);
    finish(part.number);
    return Taken::complete;
  }
  if (assembly == nullptr) {
    if (assemblies_.size() == config_.messages_assembled_max) {
      return fail(Code::protocol, base::format("message {} is one too many in parts, limit {}",
                                               part.number, config_.messages_assembled_max));
    }
    const auto at = std::ranges::lower_bound(assemblies_, part.number, {},
                                             [](const auto& entry) { return entry->number; });
    assembly = assemblies_.insert(at, std::make_unique<Assembly>(part, config_.gaps_max))->get();
    expected_ = std::max(expected_, part.number + 1);
  }
  if (part.fragments != 0) assembly->fragments = part.fragments;
  const RangeSet::Added added =
      assembly->got.add({part.offset, part.offset + part.data.size() - 1});
  if (added == RangeSet::Added::nothing) return Taken::old;
  if (added == RangeSet::Added::no_room || has_run_too_many(assembly->got, config_.gaps_max)) {
    return fail(Code::protocol, base::format("message {} has a gap too many, limit {}", part.number,
                                             config_.gaps_max));
  }
  assembly->blocks.write(part.offset, part.data, pool);
  if (!assembly->got.covers({0, assembly->total - 1})) return Taken::kept;
  for (std::uint64_t at = 0; at < assembly->total;) {
    pieces.push_back(assembly->blocks.view(at, assembly->total - at));
    at += pieces.back().size();
  }
  drop(part.number, pool);
  finish(part.number);
  return Taken::complete;
}

Result<void> MessagesIn::give_up(const MessageGoneFrame& gone, BlockPool& pool) {
  if (is_done(gone.number)) return {};
  if (const Assembly* assembly = find(gone.number)) {
    if (assembly->total != gone.total) {
      return fail(Code::protocol, base::format("message {} had {} bytes, now that it is gone {}",
                                               gone.number, assembly->total, gone.total));
    }
    drop(gone.number, pool);
  }
  std::erase(expired_, gone.number);
  finish(gone.number);
  ++returned_;
  return {};
}

std::uint64_t MessagesIn::consume(MessageNumber number) {
  for (std::size_t i = held_head_; i < held_.size(); ++i) {
    if (held_[i].number != number || held_[i].total == 0) continue;
    const std::uint64_t total = std::exchange(held_[i].total, 0);
    ++returned_;
    while (held_head_ < held_.size() && held_[held_head_].total == 0) ++held_head_;
    if (held_head_ == held_.size()) {
      held_.clear();
      held_head_ = 0;
    } else if (held_head_ >= 64 && held_head_ * 2 >= held_.size()) {
      held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(held_head_));
      held_head_ = 0;
    }
    return total;
  }
  return 0;
}

std::uint64_t MessagesIn::expire(Instant now, BlockPool& pool) {
  if (now - progress_at_ < config_.assembly_timeout) return 0;
  std::uint64_t bytes = 0;
  for (const auto& assembly : assemblies_) {
    bytes += assembly->total;
    expired_.push_back(assembly->number);
    assembly->blocks.clear(pool);
  }
  assemblies_.clear();
  return bytes;
}

std::optional<Instant> MessagesIn::next_deadline() const {
  if (assemblies_.empty()) return std::nullopt;
  return progress_at_ + config_.assembly_timeout;
}

bool MessagesIn::raise() {
  const std::uint64_t lowest =
      !done_.empty() && done_.ranges().front().first == 0 ? done_.ranges().front().last + 1 : 0;
  const std::uint64_t window = config_.messages_sent_max;
  const std::uint64_t limit = std::min(returned_ + window, lowest + message_span_max);
  if (limit < limit_ + std::max<std::uint64_t>(window / 2, 1)) return false;
  limit_ = limit;
  return true;
}

MessagesIn::Assembly* MessagesIn::find(MessageNumber number) const {
  if (assemblies_.empty()) return nullptr;
  const auto at = std::ranges::lower_bound(assemblies_, number, {},
                                           [](const auto& entry) { return entry->number; });
  return at != assemblies_.end() && (*at)->number == number ? at->get() : nullptr;
}

void MessagesIn::drop(MessageNumber number, BlockPool& pool) {
  const auto at = std::ranges::lower_bound(assemblies_, number, {},
                                           [](const auto& entry) { return entry->number; });
  (*at)->blocks.clear(pool);
  assemblies_.erase(at);
}

void MessagesIn::finish(MessageNumber number) {
  expected_ = std::max(expected_, number + 1);
  ASSERT(done_.add(number) == RangeSet::Added::news);
}

void MessagesIn::clear(BlockPool& pool) {
  while (!assemblies_.empty()) drop(assemblies_.front()->number, pool);
  held_.clear();
  held_head_ = 0;
}

}  // namespace kith::packet

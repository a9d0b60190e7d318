#include "host/service.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::host {

Buffer named_message(std::string_view protocol, ByteView data) {
  ASSERT(!protocol.empty() && protocol.size() <= message_protocol_bytes_max);
  Bytes all;
  all.reserve(1 + protocol.size() + data.size());
  all.push_back(static_cast<std::uint8_t>(protocol.size()));  // a varint of one byte
  base::append(all, base::as_bytes(protocol));
  base::append(all, data);
  return Buffer(std::move(all));
}

std::optional<std::string_view> protocol_of(std::span<const ByteView> pieces,
                                            std::span<char> room) {
  std::size_t size = 0, have = 0;
  for (ByteView piece : pieces) {
    if (piece.empty()) continue;
    if (size == 0) {
      size = piece.front();  // longer ones would have a varint of two bytes, and are too long
      if (size == 0 || size > room.size()) return std::nullopt;
      piece = piece.subspan(1);
    }
    const std::size_t count = std::min(piece.size(), size - have);
    std::ranges::copy(piece.first(count), room.begin() + static_cast<std::ptrdiff_t>(have));
    have += count;
    if (have == size) return std::string_view(room.data(), size);
  }
  return std::nullopt;
}

// A stream's bytes come packet by packet, and are consumed so: one command for a turn's.
void Service::say(ServiceCommand command) {
  if (const auto* consumed = std::get_if<Consume>(&command); consumed && !commands_.empty()) {
    auto* const last = std::get_if<Consume>(&commands_.back());
    if (last != nullptr && last->stream == consumed->stream) {
      last->bytes += consumed->bytes;
      return;
    }
  }
  commands_.push_back(std::move(command));
}

ServiceEvent::ServiceEvent(const ServiceEvent&) = default;
ServiceEvent& ServiceEvent::operator=(const ServiceEvent&) = default;
ServiceEvent::ServiceEvent(ServiceEvent&&) noexcept = default;
ServiceEvent& ServiceEvent::operator=(ServiceEvent&&) noexcept = default;
ServiceEvent::~ServiceEvent() = default;

ServiceCommand::ServiceCommand(const ServiceCommand&) = default;
ServiceCommand& ServiceCommand::operator=(const ServiceCommand&) = default;
ServiceCommand::ServiceCommand(ServiceCommand&&) noexcept = default;
ServiceCommand& ServiceCommand::operator=(ServiceCommand&&) noexcept = default;
ServiceCommand::~ServiceCommand() = default;

}  // namespace kith::host

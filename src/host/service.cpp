#include "host/service.h"

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

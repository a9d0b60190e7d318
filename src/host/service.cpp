#include "host/service.h"

namespace kith::host {

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

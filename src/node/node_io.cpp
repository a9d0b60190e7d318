#include "node/node_io.h"

namespace kith::node {

Command::Command(const Command&) = default;
Command& Command::operator=(const Command&) = default;
Command::Command(Command&&) noexcept = default;
Command& Command::operator=(Command&&) noexcept = default;
Command::~Command() = default;

Report::Report(const Report&) = default;
Report& Report::operator=(const Report&) = default;
Report::Report(Report&&) noexcept = default;
Report& Report::operator=(Report&&) noexcept = default;
Report::~Report() = default;

}  // namespace kith::node

#include "cli/args_operations.h"

namespace kith::cli {

OperationArgs::OperationArgs(const OperationArgs&) = default;
OperationArgs& OperationArgs::operator=(const OperationArgs&) = default;
OperationArgs::OperationArgs(OperationArgs&&) noexcept = default;
OperationArgs& OperationArgs::operator=(OperationArgs&&) noexcept = default;
OperationArgs::~OperationArgs() = default;

}  // namespace kith::cli

#include "cli/args_account.h"

namespace kith::cli {

AccountArgs::AccountArgs(const AccountArgs&) = default;
AccountArgs& AccountArgs::operator=(const AccountArgs&) = default;
AccountArgs::AccountArgs(AccountArgs&&) noexcept = default;
AccountArgs& AccountArgs::operator=(AccountArgs&&) noexcept = default;
AccountArgs::~AccountArgs() = default;

}  // namespace kith::cli

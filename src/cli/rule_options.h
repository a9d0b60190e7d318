// Options that verbs share which compute on this machine. Internal to cli, as verbs.h is.
#pragma once

#include <string>

#include "cli/app_tree.h"

namespace kith::cli {

/// `memory`: what --memory means there.
void add_rule_options(CLI::App& app, WorkRuleArgs& rules, const std::string& memory);

}  // namespace kith::cli

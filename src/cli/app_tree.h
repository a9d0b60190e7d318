// The tree of verbs as CLI11 holds it, for the parser and for what is generated from it. Internal
// to cli: whoever includes it pays for CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/args.h"

namespace kith::cli {

/// Where parsing leaves its results. Lives as long as the tree, which points into it.
struct Draft {
  Globals globals;
  Command command = VersionArgs{};
};

/// Fills `app` with every verb and option.
void build_tree(CLI::App& app, Draft& draft);
/// Its part of wallets and validators (app_tree_wallet.cpp).
void add_wallet_verbs(CLI::App& app, Draft& draft);

/// A verb whose options fill an Args of its own, which becomes the command when it is chosen.
template <class Args>
struct Verb {
  CLI::App* app;
  std::shared_ptr<Args> args;
};

template <class Args>
Verb<Args> add_verb(CLI::App& parent, Draft& draft, const std::string& name,
                    const std::string& help, const std::string& example) {
  CLI::App* app = parent.add_subcommand(name, help);
  app->footer("Example:\n  " + example);
  auto args = std::make_shared<Args>();
  app->final_callback([&draft, args] { draft.command = *args; });
  return {app, args};
}

/// A word that only has verbs of its own.
CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& help,
                    const std::string& example);

}  // namespace kith::cli

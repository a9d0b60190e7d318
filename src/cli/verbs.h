// How a verb is put into the tree of verbs: its options fill a struct of its own, which becomes the
// command when it is chosen. Internal to cli, as app_tree.h is.
#pragma once

#include <memory>

#include "base/format.h"
#include "cli/app_tree.h"
#include "node/config_text.h"

namespace kith::cli {

template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, T& target, const std::string& help,
                        const std::string& type, Parse parse) {
  return app
      .add_option_function<std::string>(
          name,
          [&target, name, parse](const std::string& text) {
            auto value = parse(text);
            if (!value) throw CLI::ValidationError(name, value.error().message);
            target = *value;
          },
          help)
      ->type_name(type);
}

/// A count within bounds; `high` is named when it is broken.
template <class T>
CLI::Option* add_count(CLI::App& app, const std::string& name, T& target, const std::string& help,
                       std::uint64_t low, std::uint64_t high) {
  return add_parsed(
      app, name, target, help, "N", [low, high](std::string_view text) -> Result<std::uint64_t> {
        const std::uint64_t count = TRY(node::parse_count(text));
        if (count < low || count > high) {
          return fail(Code::usage, base::format("{} is not within {} to {}", count, low, high));
        }
        return count;
      });
}

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

inline CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& help,
                           const std::string& example) {
  CLI::App* group = parent.add_subcommand(name, help);
  group->require_subcommand(1);
  group->footer("Example:\n  " + example);
  return group;
}

/// The same, or the one that is there already: verbs of one group may come from several files.
inline CLI::App* group_of(CLI::App& parent, const std::string& name, const std::string& help,
                          const std::string& example) {
  for (CLI::App* const group : parent.get_subcommands([](const CLI::App*) { return true; })) {
    if (group->get_name() == name) return group;
  }
  return add_group(parent, name, help, example);
}

}  // namespace kith::cli

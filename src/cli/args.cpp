#include "cli/args.h"

#include <algorithm>

#include "base/format.h"
#include "cli/app_tree.h"
#include "cli/wire.h"
#include "node/config_text.h"

namespace kith::cli {
namespace {

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!verb->get_group().empty()) names.push_back(verb->get_name());
  }
  return names;
}

/// The innermost verb that was recognised, and the words that led to it.
const CLI::App& innermost(const CLI::App& app, std::string& path) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return *at;
}

/// "kith sttaus": the word where a verb should stand, and the nearest one.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  std::string path = "kith";
  const CLI::App& inner = innermost(app, path);
  const auto names = names_of(inner);
  const auto left = app.remaining(true);
  const auto word = std::ranges::find_if(left, [](const std::string& w) { return w[0] != '-'; });
  const std::string hint = base::format("`{} --help` explains", path);
  if (names.empty() || word == left.end() || word->empty()) {
    return base::format("{}; {}", error.what(), hint);
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = node::nearest(*word, views);
  return base::format("unknown verb \"{}\"{}; {}", word->substr(0, 100),
                      near ? base::format("; did you mean `{} {}`?", path, *near) : std::string(),
                      hint);
}

}  // namespace

std::variant<Parsed, ParseEnd> parse_args(int argc, const char* const* argv) {
  CLI::App app;
  Draft draft;
  build_tree(app, draft);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ParseEnd{exit_done, app.help(), ""};
  } catch (const CLI::ParseError& error) {
    const Error usage{Code::usage, explain(app, error)};
    const std::vector<std::string_view> words(argv, argv + argc);
    const bool is_json = std::ranges::find(words, "--json") != words.end();
    return ParseEnd{exit_usage, is_json ? error_json(usage) : "", "kith: " + usage.message};
  }
  return Parsed{std::move(draft.globals), std::move(draft.command)};
}

Command::Command(const Command&) = default;
Command& Command::operator=(const Command&) = default;
Command::Command(Command&&) noexcept = default;
Command& Command::operator=(Command&&) noexcept = default;
Command::~Command() = default;

}  // namespace kith::cli

// kith config show, check and docs.
#include "api/api.h"
#include "api/config_json.h"
#include "app/cmd.h"
#include "cli/reports.h"
#include "node/node_metrics.h"

namespace kith::app {

int run_config_show(const cli::Globals& globals) {
  const auto session = open_session(globals);
  if (!session) return fail_with(globals, session.error());
  const auto& settings = session->settings.effective;
  print(globals.json ? api::config_json(settings) : cli::config_text(settings));
  return cli::exit_done;
}

int run_config_check(const cli::Globals& globals, const cli::ConfigCheckArgs& args) {
  auto sources = read_config_file(args.file);
  if (!sources) return fail_with(globals, sources.error());
  const auto settings = node::load_settings(*std::move(sources));
  if (!settings) return fail_with(globals, settings.error());
  const auto levels = rt::parse_log_levels(settings->log_level);
  if (!levels) return fail_with(globals, {Code::config, "log.level: " + levels.error().message});
  print(globals.json ? cli::to_json("ok", true) : args.file + " holds");
  return cli::exit_done;
}

int run_config_docs(const cli::Globals&, const cli::ConfigDocsArgs& args) {
  print(args.page == "cli"       ? cli::cli_docs()
        : args.page == "api"     ? api::api_docs()
        : args.page == "metrics" ? node::metrics_docs()
                                 : node::config_docs());
  return cli::exit_done;
}

}  // namespace kith::app

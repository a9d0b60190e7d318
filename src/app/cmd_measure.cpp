// kith ping and kith perf: through the node that runs on this home, else by one of our own.
#include <thread>

#include "app/cmd.h"
#include "base/format.h"
#include "cli/render.h"
#include "cli/reports.h"

namespace kith::app {
namespace {

Result<std::unique_ptr<Caller>> reach_any(const cli::Globals& globals,
                                          const std::string& psk_file) {
  const Session session = TRY(open_session(globals));
  // A key of its own means another network than the running node's.
  if (psk_file.empty()) {
    auto running = reach_running(session.in_home(session.settings.api_socket), session.home);
    if (running || running.error().code != Code::unreachable) return running;
  }
  return make_ephemeral(session, psk_file);
}

}  // namespace

int run_ping(const cli::Globals& globals, const cli::PingArgs& args) {
  if (const auto checked = check_target(args.target); !checked) {
    return fail_with(globals, checked.error());
  }
  auto node = reach_any(globals, args.psk_file);
  if (!node) return fail_with(globals, node.error());
  cli::PingReport report{args.target, 0, {}, {}};
  while (report.sent < args.count) {
    if (report.sent > 0) std::this_thread::sleep_for(args.interval);
    ++report.sent;
    const auto result = (*node)->call("ping", {{"target", args.target}}, args.timeout);
    const auto rtt = result ? cli::read_rtt_ms(*result) : fail(result.error());
    if (rtt) {
      report.rtts_ms.push_back(*rtt);
      say(globals, base::format("{} of {}: {:.3f} ms", report.sent, args.count, *rtt));
    } else {
      report.last_error = rtt.error();
      say(globals,
          base::format("{} of {}: {}", report.sent, args.count, base::to_string(rtt.error())));
    }
  }
  if (report.rtts_ms.empty()) return fail_with(globals, *report.last_error);
  print(globals.json ? to_json(report) : to_text(report));
  return report.rtts_ms.size() == report.sent ? cli::exit_done : cli::exit_failed;
}

int run_perf(const cli::Globals& globals, const cli::PerfArgs& args) {
  if (const auto checked = check_target(args.target); !checked) {
    return fail_with(globals, checked.error());
  }
  auto node = reach_any(globals, args.psk_file);
  if (!node) return fail_with(globals, node.error());
  return finish(globals,
                (*node)->call("perf",
                              {{"target", args.target},
                               {"upload_bytes", args.upload_bytes},
                               {"download_bytes", args.download_bytes}},
                              args.timeout),
                cli::render_perf);
}

}  // namespace kith::app

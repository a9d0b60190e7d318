// kith receive and kith send: a file from one person to another, with nobody between them.
#include <sys/stat.h>

#include <chrono>

#include "app/cmd.h"
#include "app/file_client.h"
#include "app/file_server.h"
#include "app/own_work.h"
#include "base/format.h"
#include "base/version.h"
#include "cli/reports_file.h"
#include "codec/peer_id.h"
#include "crypto/secret.h"
#include "rt/files.h"
#include "rt/home.h"

namespace kith::app {
namespace {

using namespace std::chrono_literals;

constexpr auto files_tick = 200ms;
constexpr double bytes_a_mib = 1024.0 * 1024;

/// As the keys packet.*, session.* and websocket.tls_* have it for a node.
void apply_settings(const Session& session, HostOptions& options) {
  const node::PacketSettings& packet = session.settings.packet;
  const node::SessionSettings& keys = session.settings.session;
  options.sessions = {
      .is_enabled = packet.is_enabled,
      .mtu = packet.mtu,
      .mtu_max = packet.discovers_mtu ? packet.mtu_max : packet.mtu,
      .congestion = packet.congestion,
      .rotate_bytes = keys.rotate_bytes,
      .rotate_messages = keys.rotate_messages,
      .rotate_interval = std::chrono::duration_cast<std::chrono::seconds>(keys.rotate_interval),
      .ciphers = keys.ciphers,
      .compresses = keys.compresses,
      .idle_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(packet.idle_timeout),
      .keep_alive = std::chrono::duration_cast<std::chrono::milliseconds>(packet.keep_alive),
      .spin = std::chrono::microseconds(spin_us(packet))};
  const rt::WebSocketConfig web = web_socket_config(session);
  options.web_sockets = {web.tls_certificate, web.tls_key, web.tls_authorities};
}

/// A host with this home's identity, or a fresh one where there is none or a node runs on it: one
/// id is one process.
struct FileHost {
  std::unique_ptr<rt::LogSink> log;  // before the host, which writes to it
  std::unique_ptr<Host> host;
};

Result<FileHost> start_file_host(const Session& session, std::vector<std::string> listen,
                                 const std::string& psk_file) {
  FileHost made;
  HostOptions options;
  options.listen = std::move(listen);
  options.agent_version = base::agent_version();
  apply_settings(session, options);
  if (const auto key = TRY(read_network_key(session, psk_file))) {
    options.private_network_key = base::as_text(key->text.view());
  }
  // As of kith ping: a log only where one was asked for.
  if (!session.globals.log_level.empty()) {
    made.log = TRY(open_log(session));
    options.log_level = 0;
    options.log = [log = made.log.get()](int level, std::string_view subsystem,
                                         std::string_view sentence) {
      const auto of = static_cast<LogLevel>(level);
      if (log->is_on(of, subsystem)) log->write(of, subsystem, sentence);
    };
  }
  if (rt::file_exists(rt::identity_path(session.home))) {
    HostOptions own = options;
    own.home = session.home;
    crypto::SecretBytes passphrase;
    if (!session.settings.passphrase_file.empty()) {
      passphrase = TRY(read_passphrase(session.in_home(session.settings.passphrase_file)));
      own.passphrase = base::as_text(passphrase.view());
    }
    auto host = Host::start(std::move(own));
    if (host) {
      made.host = std::move(*host);
      return made;
    }
    if (host.error().code != Code::locked) return fail(std::move(host).error());
    say(session.globals,
        base::format("{} is in use by another process: a fresh identity is used, for this once",
                     session.home));
  }
  made.host = TRY(Host::start(std::move(options)));
  return made;
}

/// A bar while a file is under way, in MiB.
class FileLine {
 public:
  explicit FileLine(const cli::Globals& globals) : globals_(globals) {}

  void show(const FileProgress& progress) {
    if (!line_) line_.emplace(globals_);
    const double done = static_cast<double>(progress.done - progress.offset) / bytes_a_mib;
    const double rate = progress.seconds > 0 ? done / progress.seconds : 0;
    const double left = static_cast<double>(progress.size - progress.done) / bytes_a_mib;
    const double share =
        progress.size > 0 ? static_cast<double>(progress.done) / static_cast<double>(progress.size)
                          : 1;
    line_->show(share, rate, "MiB", rate > 0 ? std::optional(left / rate) : std::nullopt, {});
  }
  /// The next line on the terminal is somebody else's.
  void end() { line_.reset(); }

 private:
  const cli::Globals& globals_;
  std::optional<WorkLine> line_;
};

cli::FileReport file_report_of(const FileReceived& file) {
  return {false,          file.name, file.path,   file.peer,   base::to_hex(file.sha256),
          file.transport, file.size, file.offset, file.seconds};
}

cli::FileReport file_report_of(const FileSent& file) {
  return {true,           file.name, {},          file.peer,   base::to_hex(file.sha256),
          file.transport, file.size, file.offset, file.seconds};
}

/// A folder that is there; without a '/' at its end.
Result<std::string> check_file_folder(std::string dir) {
  while (dir.size() > 1 && dir.ends_with('/')) dir.pop_back();
  struct stat info{};
  if (::stat(dir.c_str(), &info) != 0) return fail(rt::os_error(errno, "cannot use --dir " + dir));
  if (!S_ISDIR(info.st_mode)) return fail(Code::usage, dir + " is not a folder");
  return dir;
}

/// Peer ids as a host writes them: a person may write one in another base.
Result<std::vector<std::string>> read_from(const std::vector<std::string>& peers) {
  std::vector<std::string> from;
  for (const auto& peer : peers) {
    const auto id = codec::peer_id_from_text(peer);
    if (!id) {
      return fail(Code::usage, base::format("--from \"{}\" is no peer id: {}", peer.substr(0, 100),
                                            id.error().message));
    }
    from.push_back(codec::to_text(*id));
  }
  return from;
}

/// Prints what came; whether a file was among it.
bool tell_files(const cli::Globals& globals, const std::vector<FileEvent>& events) {
  bool has_file = false;
  for (const FileEvent& event : events) {
    if (const auto* const file = std::get_if<FileReceived>(&event)) {
      has_file = true;
      print(globals.json ? to_json(file_report_of(*file)) : to_text(file_report_of(*file)));
      continue;
    }
    const auto& failed = std::get<FileFailed>(event);
    const cli::FileFailureReport report{failed.name, failed.peer, failed.error};
    if (globals.json) {
      print(to_json(report));
    } else {
      say(globals, to_text(report));
    }
  }
  return has_file;
}

Result<void> receive_files(const cli::Globals& globals, const cli::ReceiveArgs& args) {
  const Session session = TRY(open_session(globals));
  const std::string dir = TRY(check_file_folder(args.dir));
  FileServerRules rules;
  rules.files = {dir, args.size_max.value_or(codec::file_size_max)};
  rules.from = TRY(read_from(args.from));
  std::vector<std::string> listen = args.listen;
  if (listen.empty()) listen = {"/ip4/0.0.0.0/udp/0/kith", "/ip4/0.0.0.0/tcp/0"};
  const FileHost own = TRY(start_file_host(session, std::move(listen), args.psk_file));
  const auto server = TRY(FileServer::start(*own.host, std::move(rules)));
  const cli::ListeningReport listening{own.host->peer_id(), own.host->addresses(), dir};
  if (globals.json) {
    print(to_json(listening));
    if (listening.addresses.empty()) say(globals, to_text(listening));
  } else {
    std::fprintf(stderr, "%s\n", to_text(listening).c_str());  // the point of it: --quiet or not
  }
  FileLine line(globals);
  while (!is_work_stopped()) {
    const auto events = server->wait(files_tick);
    const auto progress = server->progress();
    if (!progress || !events.empty()) line.end();
    if (tell_files(globals, events) && args.once) break;
    if (progress) line.show(*progress);
  }
  line.end();
  server->stop();
  tell_files(globals, server->wait(0ms));  // those that were cut off
  return {};
}

Result<FileSent> send_one(const cli::Globals& globals, const cli::SendArgs& args) {
  TRY_VOID(check_target(args.target));
  const std::string name = args.name.empty() ? base_name(args.file) : args.name;
  if (const auto checked = codec::check_file_name(name); !checked) {
    return fail(Code::usage, checked.error().message);
  }
  const Session session = TRY(open_session(globals));
  const FileHost own = TRY(start_file_host(session, {}, args.psk_file));
  FileLine line(globals);
  std::string shown;
  auto sent = send_file(
      *own.host, args.target,
      {args.file, name, is_work_stopped, [&](std::string_view what, const FileProgress& progress) {
         if (std::exchange(shown, what) != what) {
           line.end();
           say(globals, base::format("{} {}", what, name));
         }
         line.show(progress);
       }});
  line.end();
  return sent;
}

}  // namespace

int run_receive(const cli::Globals& globals, const cli::ReceiveArgs& args) {
  watch_work_signals();
  const auto done = receive_files(globals, args);
  return done ? cli::exit_done : fail_with(globals, done.error());
}

int run_send(const cli::Globals& globals, const cli::SendArgs& args) {
  watch_work_signals();
  const auto sent = send_one(globals, args);
  if (!sent) return fail_with(globals, sent.error());
  print(globals.json ? to_json(file_report_of(*sent)) : to_text(file_report_of(*sent)));
  return cli::exit_done;
}

}  // namespace kith::app

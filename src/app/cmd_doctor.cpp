// kith doctor: looks at what commonly keeps a node from running well, and says what to do.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "app/cmd.h"
#include "base/format.h"
#include "cli/reports.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/os.h"

namespace kith::app {
namespace {

using Check = cli::DoctorCheck;
using State = Check::State;

/// Beside one descriptor a connection: files, sockets, the store, two a socket of packets…
constexpr std::uint64_t descriptors_beside = 64;
constexpr std::uint64_t disk_bytes_low = 1024ULL * 1024 * 1024;
constexpr std::uint64_t disk_bytes_min = 64ULL * 1024 * 1024;
/// 2024-01-01: this program did not exist before.
constexpr std::int64_t clock_unix_s_min = 1'704'067'200;
/// 2100-01-01.
constexpr std::int64_t clock_unix_s_max = 4'102'444'800;

Check check_home(const Session& session) {
  struct stat info{};
  if (::stat(session.home.c_str(), &info) != 0) {
    return {"home", State::warning,
            base::format("{} is not there yet; `kith init` makes it", session.home)};
  }
  if (!S_ISDIR(info.st_mode)) return {"home", State::failed, session.home + " is no folder"};
  if (info.st_uid != ::geteuid()) {
    return {"home", State::failed,
            base::format("{} belongs to user {}", session.home, info.st_uid)};
  }
  if (::access(session.home.c_str(), W_OK | X_OK) != 0) {
    return {"home", State::failed, session.home + " is not writable"};
  }
  const unsigned mode = info.st_mode & 07777U;
  if ((mode & 077U) != 0) {
    return {"home", State::warning,
            base::format("{} has mode {:04o}: others may look into it; chmod 700 {}", session.home,
                         mode, session.home)};
  }
  return {"home", State::ok, session.home};
}

Check check_identity(const Session& session) {
  if (!rt::file_exists(rt::identity_path(session.home))) {
    return {"identity", State::warning, "none yet; `kith init` makes one"};
  }
  const auto identity = load_identity(session, /*may_create=*/false);
  if (!identity) return {"identity", State::failed, identity.error().message};
  return {"identity", State::ok, codec::to_text(codec::peer_id_of(identity->key.public_key()))};
}

Check check_node(const Session& session, bool& is_running) {
  const auto holder = rt::HomeLock::holder(session.home);
  is_running = holder.has_value();
  if (!holder) return {"node", State::ok, "not running"};
  auto node = reach_running(session.in_home(session.settings.api_socket), session.home);
  if (!node || !(*node)->call("version", {}, 5s)) {
    return {"node", State::failed,
            base::format("process {} holds the home and does not answer", *holder)};
  }
  return {"node", State::ok, base::format("running, process {}", *holder)};
}

Result<void> try_bind(const codec::TransportAddress& address) {
  const bool is_udp = address.transport == codec::Transport::udp_kith;
  const rt::SocketAddress wanted = rt::to_socket_address({address.ip, address.port});
  const int type = (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
  const rt::Fd fd(::socket(wanted.storage.ss_family, type, 0));
  if (!fd) return fail(rt::os_error(errno, "socket"));
  const int on = 1;
  // Of UDP it would let a second socket have the port.
  if (!is_udp) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (wanted.storage.ss_family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(fd.get(), wanted.get(), wanted.size) != 0) return fail(rt::os_error(errno, "bind"));
  return {};
}

void check_ports(const Session& session, bool is_running, std::vector<Check>& checks) {
  for (const auto& address : session.settings.node.host.listen) {
    const auto parts = codec::as_transport(address);
    const std::string text = address.to_string();
    if (!parts || parts->ip.empty()) {
      checks.push_back({"listen", State::failed, text + ": no address to listen at"});
      continue;
    }
    const auto bound = try_bind(*parts);
    if (bound) {
      checks.push_back({"listen", State::ok, text + " is free"});
    } else if (bound.error().code == Code::locked && is_running) {
      checks.push_back({"listen", State::ok, text + " is in use, as the running node's should be"});
    } else if (bound.error().code == Code::locked) {
      checks.push_back({"listen", State::failed,
                        text + " is in use by another program; choose a port with --listen"});
    } else {
      const bool is_ip6 = address.has(codec::AddrProtocol::ip6);
      checks.push_back({"listen", is_ip6 ? State::warning : State::failed,
                        base::format("{}: {}", text, bound.error().message)});
    }
  }
}

Check check_clock() {
  const std::int64_t unix_s = std::chrono::duration_cast<std::chrono::seconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  if (unix_s < clock_unix_s_min || unix_s > clock_unix_s_max) {
    return {"clock", State::failed, base::format("Unix time {} cannot be right", unix_s)};
  }
  timex state{};
  if (::adjtimex(&state) == TIME_ERROR) {
    return {"clock", State::warning,
            "not synchronised as far as the kernel knows; run an NTP client"};
  }
  return {"clock", State::ok, "synchronised"};
}

Check check_descriptors(const Session& session) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t wanted = session.settings.node.host.limits.connections_max +
                               session.settings.web_socket.upgrades_max +
                               descriptors_beside;  // …and WebSockets to be
  const std::string detail =
      base::format("{} allowed, {} wanted for connections_max {}", limit.rlim_cur, wanted,
                   session.settings.node.host.limits.connections_max);
  if (limit.rlim_cur >= wanted) return {"files", State::ok, detail};
  return {"files", State::failed, base::format("{}; ulimit -n {}", detail, wanted)};
}

Check check_disk(const Session& session) {
  std::string path = session.home;
  struct statvfs disk{};
  while (::statvfs(path.c_str(), &disk) != 0) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash == 0) return {"disk", State::warning, "unknown"};
    path.resize(slash);
  }
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::string detail = base::format("{} MiB free at {}", free_bytes / (1024 * 1024), path);
  const State state = free_bytes < disk_bytes_min   ? State::failed
                      : free_bytes < disk_bytes_low ? State::warning
                                                    : State::ok;
  return {"disk", state, detail};
}

std::string read_line(const char* path) {
  // Files of /proc claim to be empty, so they are read by hand.
  const rt::Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t count = fd ? ::read(fd.get(), text, sizeof text) : 0;
  std::string line(text, count > 0 ? static_cast<std::size_t>(count) : 0);
  while (line.ends_with('\n')) line.pop_back();
  return line;
}

Check check_congestion(const Session& session) {
  const std::string current = read_line("/proc/sys/net/ipv4/tcp_congestion_control");
  const std::string available = read_line("/proc/sys/net/ipv4/tcp_available_congestion_control");
  const std::string& wanted = session.settings.tcp_congestion;
  if (!wanted.empty() && available.find(wanted) == std::string::npos) {
    return {"congestion", State::warning,
            base::format("tcp.congestion {} is not available here ({}); modprobe tcp_{}", wanted,
                         available, wanted)};
  }
  const std::string used = wanted.empty() ? current : wanted;
  if (used.empty()) return {"congestion", State::ok, "unknown"};
  const bool may_gain = used != "bbr";
  return {"congestion", State::ok,
          base::format("{}{}", used,
                       may_gain ? "; on long or lossy ways bbr is faster (tcp.congestion)" : "")};
}

}  // namespace

int run_doctor(const cli::Globals& globals) {
  cli::DoctorReport report;
  const auto session = open_session(globals);
  if (session) {
    report.checks.push_back(
        {"config", State::ok,
         session->config_file.empty() ? "no file, all defaults" : session->config_file});
    report.checks.push_back(check_home(*session));
    report.checks.push_back(check_identity(*session));
    bool is_running = false;
    report.checks.push_back(check_node(*session, is_running));
    check_ports(*session, is_running, report.checks);
    report.checks.push_back(check_descriptors(*session));
    report.checks.push_back(check_disk(*session));
    report.checks.push_back(check_congestion(*session));
  } else {
    report.checks.push_back({"config", State::failed, session.error().message});
  }
  report.checks.push_back(check_clock());
  print(globals.json ? to_json(report) : to_text(report));
  return report.is_well() ? cli::exit_done : cli::exit_failed;
}

}  // namespace kith::app

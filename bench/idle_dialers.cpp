// Many peers in one process, each with an identity of its own, that connect to one address and then
// stay idle: the other end of idle_connections.py.
//
//   idle_dialers ADDRESS COUNT    prints "ready" once all are connected, then waits for end of
//                                 input
#include <kith/host.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: idle_dialers ADDRESS COUNT\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<std::unique_ptr<kith::Host>> hosts;
  for (int i = std::atoi(arguments[2]); i > 0; --i) {
    auto host = kith::Host::start({.agent_version = "idle"});
    if (!host) {
      std::fprintf(stderr, "%s\n", to_string(host.error()).c_str());
      return 1;
    }
    const auto peer = (*host)->connect_wait(arguments[1]);
    if (!peer) {
      std::fprintf(stderr, "%s\n", to_string(peer.error()).c_str());
      return 1;
    }
    hosts.push_back(std::move(*host));
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  std::_Exit(0);  // a thousand goodbyes are of no interest here
}

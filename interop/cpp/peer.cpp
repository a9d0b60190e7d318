// Kith's interop peer: `listen`, `dial` and `bench`, as interop/README.md describes for every
// language.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "dial_tests.h"
#include "pubsub_bench.h"
#include "serve.h"

namespace {

constexpr const char* usage =
    "usage: peer listen [--listen MULTIADDR] [--psk FILE]\n"
    "       peer dial ADDR TEST [--psk FILE] [--timeout S] [--count N] [--parallel N] [--size N]\n"
    "                 [--streams N] [--upload N] [--download N] [--identified]\n"
    "       peer bench [--listen MULTIADDR] [--unsigned]\n";

[[noreturn]] void fail_usage(const std::string& why) {
  std::fprintf(stderr, "peer: %s\n%s", why.c_str(), usage);
  std::exit(2);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) fail_usage("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int listen(const std::map<std::string, std::string>& options) {
  kith::HostOptions host_options;
  const auto at = options.find("listen");
  host_options.listen = {at == options.end() ? "/ip4/127.0.0.1/tcp/0" : at->second};
  if (options.contains("psk")) host_options.private_network_key = read_file(options.at("psk"));
  host_options.agent_version = "kith-interop-cpp";
  host_options.web_sockets = interop::web_options();
  host_options.serve_perf = true;
  host_options.log = [](int, std::string_view subsystem, std::string_view sentence) {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(subsystem.size()), subsystem.data(),
                 static_cast<int>(sentence.size()), sentence.data());
  };
  host_options.log_level = 3;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the host's thread inherits the mask
  auto host = kith::Host::start(host_options);
  if (!host) {
    std::fprintf(stderr, "peer: %s\n", kith::base::to_string(host.error()).c_str());
    return 1;
  }
  interop::serve(**host);
  std::string addresses;
  for (const auto& address : (*host)->addresses()) {
    addresses += (addresses.empty() ? "\"" : ",\"") + address + "\"";
  }
  std::printf("{\"peer_id\":\"%s\",\"addresses\":[%s]}\n", (*host)->peer_id().c_str(),
              addresses.c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

int dial(const std::string& address, const std::string& test,
         const std::map<std::string, std::string>& options) {
  interop::TestOptions numbers;
  for (const auto& [name, value] : options) {
    if (name == "psk") {
      numbers.private_network_key = read_file(value);
      continue;
    }
    char* end = nullptr;
    numbers.numbers[name] = std::strtoull(value.c_str(), &end, 10);
    if (*end != '\0') fail_usage("--" + name + " wants a number, not '" + value + "'");
  }
  alarm(static_cast<unsigned>(numbers.number("timeout", 60)));  // SIGALRM ends a test that hangs
  std::string result;
  bool is_ok = true;
  try {
    result = interop::run_test(test, address, numbers);
  } catch (const interop::Failure& failure) {
    is_ok = false;
    result = "\"error\":\"" + interop::escape(failure.what()) + "\"";
  }
  std::printf("{\"test\":\"%s\",\"ok\":%s%s%s}\n", test.c_str(), is_ok ? "true" : "false",
              result.empty() ? "" : ",", result.c_str());
  return is_ok ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> words;
  std::map<std::string, std::string> options;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (!word.starts_with("--")) {
      words.push_back(word);
    } else if (word == "--no-ping") {
      continue;  // for peers that ping by themselves
    } else if (word == "--identified" || word == "--unsigned") {
      options[word.substr(2)] = "1";
    } else if (i + 1 < count) {
      options[word.substr(2)] = arguments[++i];
    } else {
      fail_usage(word + " wants a value");
    }
  }
  options.erase("seed");  // identities of this peer are fresh
  if (words.size() == 1 && words[0] == "listen") return listen(options);
  if (words.size() == 1 && words[0] == "bench") {
    const auto at = options.find("listen");
    return interop::run_pubsub_bench(at == options.end() ? "/ip4/127.0.0.1/tcp/0" : at->second,
                                     !options.contains("unsigned"));
  }
  if (words.size() == 3 && words[0] == "dial" && interop::is_test(words[2])) {
    return dial(words[1], words[2], options);
  }
  fail_usage("cannot do that");
}

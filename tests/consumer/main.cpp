// Uses the installed library as its user would: public headers only. Starting a host pulls in all
// floors, so that a third party missing from the package's list fails to link here.
#include <kith/host.h>
#include <kith/pubsub.h>
#include <kith/version.h>

#include <cstdio>
#include <cstring>

int main() {
  std::printf("header %s, library %s\n", KITH_VERSION, kith::version());
  if (std::strcmp(KITH_VERSION, kith::version()) != 0) return 1;

  auto host = kith::Host::start({.listen = {"/ip4/127.0.0.1/tcp/0"}});
  if (!host) {
    std::printf("no host: %s\n", host.error().message.c_str());
    return 1;
  }
  std::printf("%s at %zu addresses\n", (*host)->peer_id().c_str(), (*host)->addresses().size());
  auto topic = kith::PubSub(**host).join("consumer");
  if (!topic || !topic->publish_wait({}).has_value()) return 1;
  (*host)->stop();
  return (*host)->peer_id().empty() ? 1 : 0;
}

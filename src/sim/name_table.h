// The virtual DNS: A records for /dns and /dns4 addresses, and dnsaddr TXT records. A name may be
// made to fail, or to have nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/multiaddr.h"
#include "sim/network.h"

namespace kith::sim {

class NameTable {
 public:
  /// Answers in the order of `addresses`; replaces what was said of the name before.
  void set(const std::string& name, std::vector<Ipv4> addresses);
  void set_dnsaddr(const std::string& name, std::vector<codec::Multiaddr> addresses);
  /// The resolver answers with this error until the name is set again.
  void fail_with(const std::string& name, Error error);
  void remove(const std::string& name);

  /// `not_found` for unknown names, `unsupported` for addresses that hold no name.
  Result<std::vector<codec::Multiaddr>> resolve(const codec::Multiaddr& address) const;

 private:
  std::map<std::string, std::vector<Ipv4>> hosts_;
  std::map<std::string, std::vector<codec::Multiaddr>> dnsaddrs_;
  std::map<std::string, Error> failures_;
};

}  // namespace kith::sim

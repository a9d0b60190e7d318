#include "sim/name_table.h"

#include "base/format.h"

namespace kith::sim {

void NameTable::set(const std::string& name, std::vector<Ipv4> addresses) {
  failures_.erase(name);
  hosts_[name] = std::move(addresses);
}

void NameTable::set_dnsaddr(const std::string& name, std::vector<codec::Multiaddr> addresses) {
  failures_.erase(name);
  dnsaddrs_[name] = std::move(addresses);
}

void NameTable::fail_with(const std::string& name, Error error) {
  failures_[name] = std::move(error);
}

void NameTable::remove(const std::string& name) {
  hosts_.erase(name);
  dnsaddrs_.erase(name);
  failures_.erase(name);
}

Result<std::vector<codec::Multiaddr>> NameTable::resolve(const codec::Multiaddr& address) const {
  const auto dns = codec::as_dns_tcp(address);
  const auto dnsaddr = address.find(codec::AddrProtocol::dnsaddr);
  if (!dns && !dnsaddr) {
    return fail(Code::unsupported, base::format("{} holds no name", address.to_string()));
  }
  const std::string name = dns ? dns->name : std::string(base::as_text(*dnsaddr));
  if (const auto failure = failures_.find(name); failure != failures_.end()) {
    return fail(failure->second);
  }
  if (!dns) {
    const auto found = dnsaddrs_.find(name);
    if (found != dnsaddrs_.end()) return found->second;
  } else if (dns->family != codec::AddrProtocol::dns6) {
    const auto found = hosts_.find(name);
    std::vector<codec::Multiaddr> answers;
    const auto peer = address.peer();
    if (found != hosts_.end()) {
      for (const Ipv4& ip : found->second) {
        const auto plain = codec::Multiaddr::tcp(ip, dns->port);
        answers.push_back(peer ? plain.with_peer(*peer) : plain);
      }
      return answers;
    }
  }
  return fail(Code::not_found, base::format("no such name: {}", name));
}

}  // namespace kith::sim

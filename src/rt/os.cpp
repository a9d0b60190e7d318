#include "rt/os.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace kith::rt {
namespace {

constexpr std::size_t interface_addresses_max = 32;

/// Nothing: not one that another machine, or this one, may dial.
std::optional<codec::Multiaddr> interface_address(const ifaddrs& entry, int family) {
  const bool is_usable = entry.ifa_addr != nullptr && entry.ifa_addr->sa_family == family &&
                         (entry.ifa_flags & IFF_UP) != 0;
  if (!is_usable) return std::nullopt;
  SocketAddress address;
  address.size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(&address.storage, entry.ifa_addr, address.size);
  if (family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address.storage, sizeof in);
    if (IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr)) return std::nullopt;
  }
  return to_multiaddr(address);
}

/// Ports 0; loopback's last.
std::vector<codec::Multiaddr> interface_addresses(int family) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  std::vector<codec::Multiaddr> addresses;
  for (const bool is_loopback : {false, true}) {
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (((entry->ifa_flags & IFF_LOOPBACK) != 0) != is_loopback) continue;
      auto address = interface_address(*entry, family);
      if (!address || addresses.size() >= interface_addresses_max) continue;
      addresses.push_back(*std::move(address));
    }
  }
  return addresses;
}

}  // namespace

void Fd::reset() {
  // After EINTR the descriptor is gone on Linux; closing again could hit another thread's.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string errno_text(int error_number) { return std::system_category().message(error_number); }

Code errno_code(int error_number) {
  switch (error_number) {
    case ECONNREFUSED: return Code::refused;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return Code::reset;
    case ETIMEDOUT: return Code::timeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN: return Code::unreachable;
    case EADDRINUSE: return Code::locked;
    case EACCES:
    case EPERM: return Code::permission;
    case ENOENT: return Code::not_found;
    case EEXIST: return Code::exists;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Code::limit;
    case EAFNOSUPPORT: return Code::unsupported;
    default: return Code::io;
  }
}

Error os_error(int error_number, const std::string& what) {
  return Error{errno_code(error_number), what + ": " + errno_text(error_number)};
}

SocketAddress to_socket_address(const codec::TcpAddress& address) {
  SocketAddress result;
  if (address.ip.size() == 4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.ip.data(), 4);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
    return result;
  }
  ASSERT(address.ip.size() == 16);
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(address.port);
  std::memcpy(&in.sin6_addr, address.ip.data(), 16);
  std::memcpy(&result.storage, &in, sizeof in);
  result.size = sizeof in;
  return result;
}

std::optional<codec::Multiaddr> to_multiaddr(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    const auto* ip = reinterpret_cast<const std::uint8_t*>(&in.sin_addr);
    return codec::Multiaddr::tcp(ByteView(ip, 4), ntohs(in.sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address.storage, sizeof in);
    const auto* ip = reinterpret_cast<const std::uint8_t*>(&in.sin6_addr);
    return codec::Multiaddr::tcp(ByteView(ip, 16), ntohs(in.sin6_port));
  }
  return std::nullopt;
}

std::optional<codec::Multiaddr> local_address(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.size) != 0) return std::nullopt;
  return to_multiaddr(address);
}

std::optional<codec::Multiaddr> remote_address(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getpeername(fd, address.get(), &address.size) != 0) return std::nullopt;
  return to_multiaddr(address);
}

std::vector<codec::Multiaddr> reachable_addresses(const codec::Multiaddr& bound) {
  const auto parts = codec::as_transport(bound);
  const bool is_wildcard =
      parts && !parts->ip.empty() &&
      std::ranges::all_of(parts->ip, [](std::uint8_t byte) { return byte == 0; });
  if (!is_wildcard) return {bound};
  std::vector<codec::Multiaddr> reachable;
  for (const auto& address : interface_addresses(parts->ip.size() == 4 ? AF_INET : AF_INET6)) {
    const auto here = codec::rebound(bound, codec::as_tcp(address)->ip, parts->port);
    if (std::ranges::find(reachable, here) == reachable.end()) reachable.push_back(here);
  }
  if (reachable.empty()) reachable.push_back(bound);
  return reachable;
}

}  // namespace kith::rt

#include "rt/os.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace kith::rt {

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

}  // namespace kith::rt

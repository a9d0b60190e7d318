// Small things of the operating system: an owned descriptor, errno as an Error, socket addresses
// as multiaddrs.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codec/multiaddr.h"

namespace kith::rt {

/// Closes its descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// "Connection refused"; safe in threads, unlike strerror.
std::string errno_text(int error_number);
/// The registry's code for an errno; `io` for what has no better one.
Code errno_code(int error_number);
/// Error{errno_code, "what: Connection refused"}.
Error os_error(int error_number, const std::string& what);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const codec::TcpAddress& address);
/// Empty for families other than IPv4 and IPv6.
std::optional<codec::Multiaddr> to_multiaddr(const SocketAddress& address);
/// The local or remote end of a socket.
std::optional<codec::Multiaddr> local_address(int fd);
std::optional<codec::Multiaddr> remote_address(int fd);

/// Where a listener that is bound to `bound` can be dialled: `bound`, or for 0.0.0.0 and :: an
/// address for each address of its family that an interface has that is up, loopback's last, 32 at
/// most. Without link-local ones of IPv6, which mean nothing elsewhere. `bound` where there is
/// none.
std::vector<codec::Multiaddr> reachable_addresses(const codec::Multiaddr& bound);

}  // namespace kith::rt

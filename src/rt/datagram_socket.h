// UDP sockets of a reactor: batches by GRO and recvmmsg in, by GSO out, sendmmsg where the kernel
// has no GSO, marks of congestion both ways, the don't-fragment bit. Internal to rt.
//
// A socket of all addresses tells which one a datagram came to, and sends from the one it is told,
// while this machine has it.
//
// A datagram that does not fit its path is not cut by anybody: it is lost, here (EMSGSIZE) or on
// the way, as packets are (RFC 8899 lives on that). Errors of earlier datagrams that the kernel
// tells (ICMP: nobody listens there) are no errors of this socket. Limits: a message of 64 KiB;
// no zone of a link-local IPv6 address (base::IpPort has no room for one).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/ip_port.h"
#include "rt/os.h"

namespace kith::rt {

/// The system's calls; tests put others in their place, to have the kernel refuse.
struct DatagramCalls {
  ssize_t (*send)(int fd, const msghdr* message, int flags) = ::sendmsg;
  int (*send_many)(int fd, mmsghdr* messages, unsigned count, int flags) = ::sendmmsg;
};

struct DatagramOptions {
  bool gso = true, gro = true;  // where the kernel has them
  int buffer_bytes = 4 << 20;   // each way
  DatagramCalls calls = {};
};

class DatagramSocket {
 public:
  static constexpr std::size_t batch_bytes = 65'536;
  static constexpr std::size_t batches_max = 4;
  /// Most segments of one send: what kernels since 6.9 take, and those before.
  static constexpr std::size_t segments_new = 128, segments_old = 64;

  /// Bound and non-blocking; buffers of `buffer_bytes` where the system allows. An IPv6 socket
  /// speaks IPv6 alone, so that one of IPv4 may stand beside it on the same port.
  static Result<DatagramSocket> open(base::SocketId id, const base::IpPort& local,
                                     const DatagramOptions& options = {});

  /// Up to batches_max batches into `room` (batches_max * batch_bytes), valid until the next call;
  /// empty: nothing is there now. An error when the socket is of no use any more.
  Result<std::span<const base::DatagramsIn>> receive(ByteSpan room);
  /// How many bytes from the front are done with, in whole segments: fewer than all when the kernel
  /// takes no more now. What it refuses for another reason counts as done with, and is lost.
  std::size_t send(const base::DatagramsOut& out, ByteView bytes);

  /// The port is free again; nothing else may be called then but what looks.
  void close() { fd_.reset(); }

  int descriptor() const { return fd_.get(); }
  base::IpPort local() const { return local_; }
  bool has_gso() const { return has_gso_; }
  bool has_gro() const { return has_gro_; }
  std::size_t segments_max() const { return segments_max_; }
  /// Messages that were dropped because they were cut, or that the kernel refused.
  std::uint64_t lost() const { return lost_; }

 private:
  enum class Sent : std::uint8_t { done, full, too_large, refused };
  struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
  };

  DatagramSocket() = default;
  std::size_t send_segments(const Address& to, const base::DatagramsOut& out, ByteView bytes);
  std::size_t send_each(const Address& to, const base::DatagramsOut& out, ByteView bytes);
  std::size_t lose_gso(const Address& to, const base::DatagramsOut& out, ByteView bytes);
  Sent send_one(const Address& to, const base::DatagramsOut& out, ByteView bytes,
                std::size_t segment_bytes, int& error_number);

  Fd fd_;
  base::SocketId id_;
  base::IpPort local_;
  DatagramCalls calls_;
  std::size_t segments_max_ = segments_new;
  std::uint64_t lost_ = 0;
  bool has_gso_ = false, has_gro_ = false;
  std::array<base::DatagramsIn, batches_max> received_{};
  std::size_t asks_ = 1;  // for so many batches at once
};

}  // namespace kith::rt

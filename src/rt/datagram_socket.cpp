#include "rt/datagram_socket.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/assert.h"
#include "host/world.h"

namespace kith::rt {
namespace {

/// Messages of one sendmmsg: as many as a GSO batch usually has segments.
constexpr std::size_t messages_max = 64;
/// Errors in a row that belong to datagrams sent before, not to what is asked for now.
constexpr int stale_errors_max = 2;

bool is_full(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

// What the kernel tells of datagrams sent earlier, once, in place of doing what was asked.
bool is_stale(int error_number) {
  switch (error_number) {
    case EINTR:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EPROTO: return true;
    default: return false;
  }
}

bool set_int(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// A user without CAP_NET_ADMIN gets what net.core.[rw]mem_max allows.
void set_buffer(int fd, int forced, int allowed, int bytes) {
  if (!set_int(fd, SOL_SOCKET, forced, bytes)) set_int(fd, SOL_SOCKET, allowed, bytes);
}

socklen_t to_sockaddr(const base::IpPort& from, sockaddr_storage& to) {
  if (from.is_v6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(from.port);
    std::memcpy(&in.sin6_addr, from.ip.data(), 16);
    std::memcpy(&to, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(from.port);
  std::memcpy(&in.sin_addr, from.ip.data(), 4);
  std::memcpy(&to, &in, sizeof in);
  return sizeof in;
}

base::IpPort to_ip_port(const sockaddr_storage& from) {
  base::IpPort to;
  if (from.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &from, sizeof in);
    std::memcpy(to.ip.data(), &in.sin6_addr, 16);
    to.port = ntohs(in.sin6_port);
    to.is_v6 = true;
    return to;
  }
  sockaddr_in in{};
  std::memcpy(&in, &from, sizeof in);
  std::memcpy(to.ip.data(), &in.sin_addr, 4);
  to.port = ntohs(in.sin_port);
  return to;
}

// Room for the three control messages that go either way, aligned as they must be.
struct Control {
  alignas(cmsghdr)
      std::array<char, 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
};

template <class Value>
void add_control(msghdr& message, int level, int type, Value value) {
  auto* at =
      reinterpret_cast<cmsghdr*>(static_cast<char*>(message.msg_control) + message.msg_controllen);
  at->cmsg_level = level;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(at), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

void add_ecn(msghdr& message, const base::IpPort& to, base::Ecn ecn) {
  if (ecn == base::Ecn::none) return;
  const int mark = static_cast<int>(ecn);
  if (to.is_v6) return add_control(message, IPPROTO_IPV6, IPV6_TCLASS, mark);
  add_control(message, IPPROTO_IP, IP_TOS, mark);
}

void add_source(msghdr& message, const base::DatagramsOut& out) {
  if (out.from_ip == base::LocalIp{}) return;
  if (out.to.is_v6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, out.from_ip.data(), 16);
    return add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  in_pktinfo info{};
  std::memcpy(&info.ipi_spec_dst, out.from_ip.data(), 4);
  add_control(message, IPPROTO_IP, IP_PKTINFO, info);
}

base::DatagramsOut from_anywhere(base::DatagramsOut out) {
  out.from_ip = {};
  return out;
}

// The kernel refuses to send from an address that this machine has no more, or to there.
bool is_source_lost(const base::DatagramsOut& out, int error_number) {
  const bool may_be = error_number == EINVAL || error_number == EADDRNOTAVAIL ||
                      error_number == ENETUNREACH || error_number == EHOSTUNREACH;
  return may_be && out.from_ip != base::LocalIp{};
}

base::LocalIp local_ip_of(const cmsghdr& control) {
  base::LocalIp ip{};
  if (control.cmsg_level == IPPROTO_IP) {
    in_pktinfo info;
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    std::memcpy(ip.data(), &info.ipi_spec_dst, 4);
    return ip;
  }
  in6_pktinfo info;
  std::memcpy(&info, CMSG_DATA(&control), sizeof info);
  // One of a link is none without its zone, for which there is no room.
  if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) std::memcpy(ip.data(), &info.ipi6_addr, 16);
  return ip;
}

// Size of segments, mark of congestion and our address, from what the kernel put beside the bytes.
void read_control(msghdr& message, base::DatagramsIn& in) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO) {
      int bytes = 0;
      std::memcpy(&bytes, CMSG_DATA(at), sizeof bytes);
      if (bytes > 0) in.segment_bytes = static_cast<std::size_t>(bytes);
    } else if ((at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) ||
               (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS)) {
      // One byte for IPv4, an int for IPv6; the low byte comes first in both on this machine.
      std::uint8_t traffic_class = 0;
      std::memcpy(&traffic_class, CMSG_DATA(at), sizeof traffic_class);
      in.ecn = static_cast<base::Ecn>(traffic_class & 3);
    } else if ((at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) ||
               (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO)) {
      in.to_ip = local_ip_of(*at);
    }
  }
  in.segment_bytes = std::min(in.segment_bytes, in.bytes.size());
}
static_assert(std::endian::native == std::endian::little);

void set_options(int fd, bool is_v6, const DatagramOptions& options) {
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer_bytes);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.buffer_bytes);
  // PROBE sets the don't-fragment bit and does not believe what ICMP says of the path.
  if (is_v6) {
    set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    set_int(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
  } else {
    set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
    set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  }
}

}  // namespace

Result<DatagramSocket> DatagramSocket::open(base::SocketId id, const base::IpPort& local,
                                            const DatagramOptions& options) {
  DatagramSocket made;
  made.id_ = id;
  made.calls_ = options.calls;
  const int family = local.is_v6 ? AF_INET6 : AF_INET;
  made.fd_ = Fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!made.fd_) return fail(os_error(errno, "datagram socket"));
  const int fd = made.fd_.get();
  if (local.is_v6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return fail(os_error(errno, "datagram socket of IPv6 alone"));
  }
  set_options(fd, local.is_v6, options);
  sockaddr_storage address{};
  const socklen_t size = to_sockaddr(local, address);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return fail(os_error(errno, "bind of a datagram socket"));
  }
  socklen_t bound_size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bound_size) != 0) {
    return fail(os_error(errno, "address of a datagram socket"));
  }
  made.local_ = to_ip_port(address);
  const bool is_of_all = made.local_.ip == base::LocalIp{};
  if (is_of_all && !(local.is_v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                 : set_int(fd, IPPROTO_IP, IP_PKTINFO, 1))) {
    return fail(os_error(errno, "addresses of a datagram socket's packets"));
  }
  int segment = 0;
  socklen_t segment_size = sizeof segment;
  made.has_gso_ =
      options.gso && ::getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &segment_size) == 0;
  made.has_gro_ = options.gro && set_int(fd, SOL_UDP, UDP_GRO, 1);
  return made;
}

Result<std::span<const base::DatagramsIn>> DatagramSocket::receive(ByteSpan room) {
  ASSERT(room.size() >= batches_max * batch_bytes);
  std::array<mmsghdr, batches_max> messages;
  std::array<iovec, batches_max> pieces;
  std::array<sockaddr_storage, batches_max> from;
  std::array<Control, batches_max> control;
  for (std::size_t i = 0; i < asks_; ++i) {
    pieces[i] = {room.data() + i * batch_bytes, batch_bytes};
    messages[i] = {};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &from[i];
    header.msg_namelen = sizeof from[i];
    header.msg_iov = &pieces[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i].bytes.data();
    header.msg_controllen = control[i].bytes.size();
  }
  int count = -1;
  for (int errors = 0; count < 0 && errors <= stale_errors_max; ++errors) {
    count =
        ::recvmmsg(fd_.get(), messages.data(), static_cast<unsigned>(asks_), MSG_DONTWAIT, nullptr);
    if (count >= 0) break;
    if (is_full(errno)) {
      asks_ = 1;
      return std::span<const base::DatagramsIn>();
    }
    if (!is_stale(errno)) return fail(os_error(errno, "receive"));
  }
  // To ask for another one that is not there takes time, and who waits asks often.
  asks_ = static_cast<std::size_t>(std::max(count, 1)) == asks_ ? batches_max : 1;
  std::size_t kept = 0;
  for (std::size_t i = 0; count > 0 && i < static_cast<std::size_t>(count); ++i) {
    msghdr& header = messages[i].msg_hdr;
    // Without its control messages nobody knows where the packets of a batch begin.
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      ++lost_;
      continue;
    }
    const std::size_t bytes = messages[i].msg_len;
    if (bytes == 0) continue;
    base::DatagramsIn& in = received_[kept++];
    in = {id_, to_ip_port(from[i]), room.subspan(i * batch_bytes, bytes), bytes, base::Ecn::none};
    read_control(header, in);
  }
  return std::span<const base::DatagramsIn>(received_.data(), kept);
}

std::size_t DatagramSocket::send(const base::DatagramsOut& out, ByteView bytes) {
  ASSERT(bytes.size() > 0 && out.segment_bytes > 0);
  Address to;
  to.size = to_sockaddr(out.to, to.storage);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ByteView rest = bytes.subspan(done);
    const std::size_t took = has_gso_ ? send_segments(to, out, rest) : send_each(to, out, rest);
    if (took == 0) break;
    done += took;
  }
  return done;
}

// One call: `bytes` cut into segments by the kernel, or by the network card.
DatagramSocket::Sent DatagramSocket::send_one(const Address& to, const base::DatagramsOut& out,
                                              ByteView bytes, std::size_t segment_bytes,
                                              int& error_number) {
  Control control;
  iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_storage*>(&to.storage);
  message.msg_namelen = to.size;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  if (bytes.size() > segment_bytes) {
    add_control(message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(segment_bytes));
  }
  add_ecn(message, out.to, out.ecn);
  add_source(message, out);
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  for (int errors = 0;; ++errors) {
    if (calls_.send(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::done;
    error_number = errno;
    if (is_full(error_number)) return Sent::full;
    if (error_number == EMSGSIZE) return Sent::too_large;
    if (is_source_lost(out, error_number)) {
      return send_one(to, from_anywhere(out), bytes, segment_bytes, error_number);
    }
    if (!is_stale(error_number) || errors == stale_errors_max) return Sent::refused;
  }
}

// As many segments as one call takes; how many bytes are done with.
std::size_t DatagramSocket::send_segments(const Address& to, const base::DatagramsOut& out,
                                          ByteView bytes) {
  const std::size_t most = std::max<std::size_t>(
      1, std::min(segments_max_, host::datagrams_room_bytes / out.segment_bytes));
  const ByteView part = bytes.first(std::min(bytes.size(), most * out.segment_bytes));
  int error_number = 0;
  switch (send_one(to, out, part, out.segment_bytes, error_number)) {
    case Sent::done: return part.size();
    case Sent::full: return 0;
    case Sent::too_large:
    case Sent::refused: break;
  }
  const bool is_gso_refused =
      part.size() > out.segment_bytes && (error_number == EIO || error_number == EINVAL);
  if (!is_gso_refused) {
    ++lost_;
    return part.size();
  }
  // An older kernel, perhaps, that takes fewer; the caller comes again.
  if (error_number == EINVAL && part.size() > segments_old * out.segment_bytes) {
    segments_max_ = segments_old;
    return send_segments(to, out, bytes);
  }
  return lose_gso(to, out, part);
}

// EINVAL is also said of segments larger than the interface's MTU, and of addresses of another
// family. Only when the first packet leaves alone was it the cutting that the kernel cannot do.
std::size_t DatagramSocket::lose_gso(const Address& to, const base::DatagramsOut& out,
                                     ByteView bytes) {
  int error_number = 0;
  const ByteView first = bytes.first(out.segment_bytes);
  switch (send_one(to, out, first, out.segment_bytes, error_number)) {
    case Sent::done: has_gso_ = false; return first.size();
    case Sent::full: return 0;
    case Sent::too_large:
    case Sent::refused: ++lost_; return bytes.size();
  }
  UNREACHABLE();
}

// A message each: 20 times slower on loopback, and right everywhere.
std::size_t DatagramSocket::send_each(const Address& to, const base::DatagramsOut& out,
                                      ByteView bytes) {
  std::array<mmsghdr, messages_max> messages{};
  std::array<iovec, messages_max> pieces;
  Control control;
  msghdr common{};
  common.msg_name = const_cast<sockaddr_storage*>(&to.storage);
  common.msg_namelen = to.size;
  common.msg_iovlen = 1;
  common.msg_control = control.bytes.data();
  add_ecn(common, out.to, out.ecn);
  add_source(common, out);
  if (common.msg_controllen == 0) common.msg_control = nullptr;
  unsigned count = 0;
  std::size_t filled = 0;
  while (count < messages_max && filled < bytes.size()) {
    const std::size_t size = std::min(out.segment_bytes, bytes.size() - filled);
    pieces[count] = {const_cast<std::uint8_t*>(bytes.data() + filled), size};
    messages[count].msg_hdr = common;
    messages[count].msg_hdr.msg_iov = &pieces[count];
    filled += size;
    ++count;
  }
  for (int errors = 0;; ++errors) {
    const int sent =
        calls_.send_many(fd_.get(), messages.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) return std::min(filled, static_cast<std::size_t>(sent) * out.segment_bytes);
    if (sent < 0 && is_full(errno)) return 0;
    if (sent < 0 && is_source_lost(out, errno)) return send_each(to, from_anywhere(out), bytes);
    if (sent < 0 && is_stale(errno) && errors < stale_errors_max) continue;
    ++lost_;  // the first one; those behind it may fare better
    return pieces[0].iov_len;
  }
}

}  // namespace kith::rt

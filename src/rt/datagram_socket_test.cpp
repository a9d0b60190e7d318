#include "rt/datagram_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "host/world.h"

namespace kith::rt {
namespace {

using base::Ecn;
using base::IpPort;

constexpr IpPort loopback_v4{{127, 0, 0, 1}, 0, false};
constexpr IpPort loopback_v6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0, true};

Bytes numbered(std::size_t count, std::size_t size) {
  Bytes bytes(count * size, 0x5a);
  for (std::size_t i = 0; i < count; ++i) bytes[i * size] = static_cast<std::uint8_t>(i);
  return bytes;
}

/// What the calls below do instead of the system's; a test sets it, and each test starts anew.
struct Refusal {
  int segments_error = 0;                // of messages that are to be cut
  std::size_t segments_over = 0;         // only of more segments than this
  int each_error = 0;                    // of messages that are not
  int times = 1'000'000;                 // how often
  std::size_t sent_many_max = SIZE_MAX;  // sendmmsg takes fewer
};
Refusal refusal;
int sends = 0;
int sends_many = 0;

std::size_t segment_of(const msghdr& message) {
  for (auto* at = CMSG_FIRSTHDR(&message); at != nullptr;
       at = CMSG_NXTHDR(const_cast<msghdr*>(&message), at)) {
    if (at->cmsg_level != SOL_UDP || at->cmsg_type != UDP_SEGMENT) continue;
    std::uint16_t bytes = 0;
    std::memcpy(&bytes, CMSG_DATA(at), sizeof bytes);
    return bytes;
  }
  return 0;
}

ssize_t refusing_send(int fd, const msghdr* message, int flags) {
  ++sends;
  const std::size_t segment = segment_of(*message);
  const bool is_cut = segment > 0 && message->msg_iov[0].iov_len > segment * refusal.segments_over;
  const int error = is_cut ? refusal.segments_error : (segment > 0 ? 0 : refusal.each_error);
  if (error != 0 && refusal.times > 0) {
    --refusal.times;
    errno = error;
    return -1;
  }
  return ::sendmsg(fd, message, flags);
}

int refusing_send_many(int fd, mmsghdr* messages, unsigned count, int flags) {
  ++sends_many;
  if (refusal.each_error != 0 && refusal.times > 0) {
    --refusal.times;
    errno = refusal.each_error;
    return -1;
  }
  return ::sendmmsg(fd, messages,
                    static_cast<unsigned>(std::min<std::size_t>(count, refusal.sent_many_max)),
                    flags);
}

constexpr DatagramOptions refusing{.calls = {refusing_send, refusing_send_many}};

class Sockets : public ::testing::Test {
 protected:
  void SetUp() override {
    refusal = {};
    sends = sends_many = 0;
  }
  void open(const IpPort& local = loopback_v4, const DatagramOptions& from_options = {},
            const DatagramOptions& to_options = {}) {
    auto opened = DatagramSocket::open(base::SocketId{1}, local, from_options);
    ASSERT_TRUE(opened) << opened.error().message;
    from.emplace(*std::move(opened));
    opened = DatagramSocket::open(base::SocketId{2}, local, to_options);
    ASSERT_TRUE(opened) << opened.error().message;
    to.emplace(*std::move(opened));
  }
  std::size_t send(ByteView bytes, std::size_t segment_bytes, Ecn mark = Ecn::none) {
    return from->send({from_id, to->local(), bytes.size(), segment_bytes, mark}, bytes);
  }
  /// Every packet that is there, in order; batches are counted.
  std::vector<Bytes> receive() {
    std::vector<Bytes> packets;
    pollfd wait{to->descriptor(), POLLIN, 0};
    while (::poll(&wait, 1, 20) == 1) {
      const auto got = to->receive(room);
      EXPECT_TRUE(got);
      if (!got) break;
      for (const auto& in : *got) {
        ++batches;
        EXPECT_EQ(in.socket, base::SocketId{2});
        EXPECT_EQ(in.from, from->local());
        ecn = in.ecn;
        for (std::size_t at = 0; at < in.bytes.size(); at += in.segment_bytes) {
          packets.push_back(base::to_bytes(
              in.bytes.subspan(at, std::min(in.segment_bytes, in.bytes.size() - at))));
        }
      }
    }
    return packets;
  }
  void expect_numbered(std::size_t count, std::size_t size) {
    const auto packets = receive();
    ASSERT_EQ(packets.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(packets[i].size(), size);
      EXPECT_EQ(packets[i][0], static_cast<std::uint8_t>(i));
    }
  }

  static constexpr base::SocketId from_id{1};
  Bytes room = Bytes(DatagramSocket::batches_max * DatagramSocket::batch_bytes);
  std::optional<DatagramSocket> from, to;
  std::size_t batches = 0;
  Ecn ecn = Ecn::none;
};

TEST_F(Sockets, CarryABatchWithItsMarkInOnePiece) {
  open();
  if (!from->has_gso() || !to->has_gro()) GTEST_SKIP() << "this kernel has no GSO or GRO";
  Bytes bytes = numbered(46, 1400);
  bytes.resize(bytes.size() - 1000);
  EXPECT_EQ(send(bytes, 1400, Ecn::ect0), bytes.size());
  const auto packets = receive();
  ASSERT_EQ(packets.size(), 46U);
  EXPECT_EQ(batches, 1U);
  EXPECT_EQ(ecn, Ecn::ect0);
  for (std::size_t i = 0; i < 46; ++i) {
    EXPECT_EQ(packets[i].size(), i == 45 ? 400U : 1400U);
    EXPECT_EQ(packets[i][0], i);
  }
  EXPECT_EQ(from->lost() + to->lost(), 0U);
}

TEST_F(Sockets, CarryEachMark) {
  for (const auto& local : {loopback_v4, loopback_v6}) {
    if (local.is_v6 && !DatagramSocket::open(from_id, local)) continue;  // no IPv6 here
    open(local);
    for (const Ecn mark : {Ecn::congested, Ecn::none, Ecn::ect1, Ecn::ect0}) {
      send(numbered(3, 100), 100, mark);
      EXPECT_EQ(receive().size(), 3U);
      EXPECT_EQ(ecn, mark);
    }
  }
}

/// What was sent to one of this machine's addresses is answered from there.
TEST_F(Sockets, OfAllAddressesTellWhichOneAndSendFromIt) {
  auto all = DatagramSocket::open(base::SocketId{3}, IpPort{{}, 0, false}, refusing);
  ASSERT_TRUE(all);
  open();
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{9}}) {
    const base::LocalIp asked{127, 0, 0, last};
    const Bytes question = numbered(3, 100);
    from->send({from_id, {asked, all->local().port}, question.size(), 100}, question);
    pollfd wait{all->descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
    const auto got = all->receive(room);
    ASSERT_TRUE(got && got->size() > 0);
    const base::DatagramsIn in = got->front();
    EXPECT_EQ(in.to_ip, asked);
    for (const bool is_here : {true, false}) {
      base::DatagramsOut out{{3}, in.from, 200, 100};
      out.from_ip = is_here ? in.to_ip : base::LocalIp{192, 0, 2, 1};
      EXPECT_EQ(all->send(out, numbered(2, 100)), 200U);
      wait.fd = from->descriptor();
      ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
      const auto answer = from->receive(room);
      ASSERT_TRUE(answer && answer->size() > 0);
      // One that this machine has no more is left to the system.
      if (is_here) EXPECT_EQ(answer->front().from.ip, asked);
      if (!is_here) EXPECT_EQ(answer->front().from.ip, (base::LocalIp{127, 0, 0, 1}));
      while (from->receive(room)->size() > 0) {
      }
    }
    EXPECT_TRUE(all->has_gso());
  }
  EXPECT_EQ(all->lost(), 0U);
}

TEST_F(Sockets, SpeakIpv6Alone) {
  auto v6 = DatagramSocket::open(from_id, IpPort{{}, 0, true});
  if (!v6) GTEST_SKIP() << v6.error().message;
  IpPort same_port{{}, v6->local().port, false};
  EXPECT_TRUE(DatagramSocket::open(from_id, same_port)) << "both families on one port";
  open(loopback_v6);
  send(numbered(20, 1200), 1200);
  expect_numbered(20, 1200);
}

TEST_F(Sockets, ReceiveOneByOneWithoutGro) {
  open(loopback_v4, {}, {.gro = false});
  EXPECT_FALSE(to->has_gro());
  send(numbered(10, 1400), 1400);
  expect_numbered(10, 1400);
  EXPECT_EQ(batches, 10U);
}

TEST_F(Sockets, SendOneByOneWithoutGso) {
  auto options = refusing;
  options.gso = false;
  open(loopback_v4, options);
  EXPECT_FALSE(from->has_gso());
  send(numbered(100, 500), 500, Ecn::ect0);
  expect_numbered(100, 500);
  EXPECT_EQ(ecn, Ecn::ect0);
  EXPECT_EQ(sends, 0);
  EXPECT_EQ(sends_many, 2);  // of 64
}

TEST_F(Sockets, OneRefusalOfSegmentsEndsThem) {
  for (const int error : {EIO, EINVAL}) {
    SetUp();
    open(loopback_v4, refusing);
    if (!from->has_gso()) GTEST_SKIP();
    refusal.segments_error = error;
    EXPECT_EQ(send(numbered(10, 1400), 1400), 14'000U);
    EXPECT_FALSE(from->has_gso());
    expect_numbered(10, 1400);
    EXPECT_EQ(send(numbered(10, 1400), 1400), 14'000U);
    expect_numbered(10, 1400);
    EXPECT_EQ(sends, 2);  // the refused one, and its first packet alone
    EXPECT_EQ(from->lost(), 0U);
  }
}

TEST_F(Sockets, AKernelThatTakesFewerSegmentsKeepsThem) {
  open(loopback_v4, refusing);
  if (!from->has_gso()) GTEST_SKIP();
  refusal = {.segments_error = EINVAL, .segments_over = DatagramSocket::segments_old};
  send(numbered(64, 100), 100);
  EXPECT_EQ(from->segments_max(), DatagramSocket::segments_new);
  send(numbered(64, 100), 100);
  EXPECT_EQ(receive().size(), 128U);
  send(numbered(65, 100), 100);
  EXPECT_TRUE(from->has_gso());
  EXPECT_EQ(from->segments_max(), DatagramSocket::segments_old);
  expect_numbered(65, 100);
}

// The batch is refused, and its first packet as well: it is not the cutting that was wrong.
TEST_F(Sockets, APacketThatIsTooLargeIsLostAndNothingElse) {
  open(loopback_v4, refusing);
  if (!from->has_gso()) GTEST_SKIP();
  refusal = {.segments_error = EINVAL, .each_error = EMSGSIZE};
  EXPECT_EQ(send(numbered(10, 1400), 1400), 14'000U);
  EXPECT_TRUE(from->has_gso());
  EXPECT_EQ(from->lost(), 1U);
  refusal = {};
  EXPECT_EQ(send(numbered(10, 1400), 1400), 14'000U);
  expect_numbered(10, 1400);
}

TEST_F(Sockets, APartIsTakenAndTheRestWaits) {
  auto options = refusing;
  options.gso = false;
  open(loopback_v4, options);
  refusal.sent_many_max = 3;
  EXPECT_EQ(send(numbered(10, 100), 100), 1000U) << "the caller sees no seams";
  expect_numbered(10, 100);
  refusal = {.each_error = EAGAIN};
  EXPECT_EQ(send(numbered(10, 100), 100), 0U);
  EXPECT_TRUE(receive().empty());
  EXPECT_EQ(from->lost(), 0U);
}

TEST_F(Sockets, AnErrorOfAnEarlierPacketLosesNone) {
  open(loopback_v4, refusing);
  refusal = {.segments_error = ECONNREFUSED, .times = 1};
  EXPECT_EQ(send(numbered(4, 100), 100), 400U);
  expect_numbered(4, 100);
  refusal = {.segments_error = EPERM, .times = 1};  // a firewall
  EXPECT_EQ(send(numbered(4, 100), 100), 400U);
  EXPECT_TRUE(receive().empty());
  EXPECT_EQ(from->lost(), 1U);
  EXPECT_TRUE(from->has_gso());
}

TEST_F(Sockets, NobodyListeningIsNoErrorOfOurs) {
  open();
  const IpPort gone = to->local();
  to->close();
  for (int i = 0; i < 3; ++i) {
    const Bytes bytes = numbered(2, 100);
    EXPECT_EQ(from->send({from_id, gone, bytes.size(), 100, Ecn::none}, bytes), 200U);
    const auto got = from->receive(room);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(got->empty());
  }
}

// Whoever waits for one packet is not held up by asking for a second.
TEST_F(Sockets, TakeOneBatchThenFourAtMostAndLeaveTheRest) {
  open();
  for (int i = 0; i < 6; ++i)
    send(numbered(2, 100 + static_cast<std::size_t>(i)), 100U + static_cast<std::size_t>(i));
  ASSERT_EQ(to->receive(room)->size(), 1U);
  const auto got = to->receive(room);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 4U);
  if (to->has_gro()) EXPECT_EQ((*got)[3].segment_bytes, 104U);
  EXPECT_FALSE(receive().empty());
  EXPECT_TRUE(to->receive(room)->empty());
}

TEST_F(Sockets, TellWhyTheyCannotOpen) {
  open();
  const auto taken = DatagramSocket::open(from_id, from->local());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::locked);
  const auto foreign = DatagramSocket::open(from_id, {{192, 0, 2, 1}, 0, false});
  ASSERT_FALSE(foreign);
}

TEST_F(Sockets, EmptyDatagramsAreNothing) {
  open();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to->local().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(
      ::sendto(from->descriptor(), "", 0, 0, reinterpret_cast<sockaddr*>(&address), sizeof address),
      0);
  send(numbered(1, 10), 10);
  expect_numbered(1, 10);
}

}  // namespace
}  // namespace kith::rt

#include "rt/resolver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "rt/os.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

/// Answers A, AAAA and TXT over UDP on loopback from a table; NXDOMAIN for the rest, and no answer
/// at all for names that begin with "silent".
class FakeDns {
 public:
  struct Records {
    std::vector<std::string> a, aaaa, txt;
  };

  FakeDns() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &size), 0);
    server_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    stop_read_ = Fd(ends[0]);
    stop_write_ = Fd(ends[1]);
  }
  ~FakeDns() {
    stop_write_.reset();
    if (thread_.joinable()) thread_.join();
  }
  void start() {
    thread_ = std::thread([this] { serve(); });
  }
  const std::string& server() const { return server_; }

  std::map<std::string, Records> table;

 private:
  void serve() {
    for (;;) {
      pollfd waits[] = {{socket_.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}};
      ::poll(waits, 2, -1);
      if (waits[1].revents != 0) return;
      Bytes query(1500);
      sockaddr_in from{};
      socklen_t size = sizeof from;
      auto* generic = reinterpret_cast<sockaddr*>(&from);
      const ssize_t count =
          ::recvfrom(socket_.get(), query.data(), query.size(), 0, generic, &size);
      if (count < 12) continue;
      query.resize(static_cast<std::size_t>(count));
      const Bytes answer = answer_to(query);
      if (!answer.empty()) ::sendto(socket_.get(), answer.data(), answer.size(), 0, generic, size);
    }
  }
  static void append16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
  }
  Bytes answer_to(const Bytes& query) const {
    std::string name;
    std::size_t at = 12;
    while (query.at(at) != 0) {
      const std::size_t length = query[at];
      if (!name.empty()) name += '.';
      for (std::size_t i = 1; i <= length; ++i) name += static_cast<char>(query.at(at + i));
      at += length + 1;
    }
    const unsigned type = query.at(at + 1) * 256u + query.at(at + 2);
    if (name.starts_with("silent")) return {};
    const auto found = table.find(name);
    std::vector<Bytes> data;
    if (found != table.end() && type == 1) {
      for (const auto& text : found->second.a) {
        data.emplace_back(4);
        EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), data.back().data()), 1);
      }
    } else if (found != table.end() && type == 28) {
      for (const auto& text : found->second.aaaa) {
        data.emplace_back(16);
        EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), data.back().data()), 1);
      }
    } else if (found != table.end() && type == 16) {
      for (const auto& text : found->second.txt) {
        Bytes& record = data.emplace_back();
        for (std::size_t i = 0; i < text.size(); i += 255) {  // long texts come in pieces
          const std::string piece = text.substr(i, 255);
          record.push_back(static_cast<std::uint8_t>(piece.size()));
          base::append(record, base::as_bytes(piece));
        }
      }
    }
    Bytes answer(query.begin(), query.begin() + 2);
    append16(answer, found == table.end() ? 0x8183 : 0x8180);
    append16(answer, 1);
    append16(answer, data.size());
    append16(answer, 0);
    append16(answer, 0);
    base::append(answer, ByteView(query).subspan(12, at + 5 - 12));
    for (const Bytes& record : data) {
      append16(answer, 0xc00c);
      append16(answer, type);
      append16(answer, 1);
      append16(answer, 0);
      append16(answer, 60);
      append16(answer, record.size());
      base::append(answer, record);
    }
    return answer;
  }

  Fd socket_, stop_read_, stop_write_;
  std::string server_;
  std::thread thread_;
};

class Resolving : public ::testing::Test {
 protected:
  Result<std::vector<codec::Multiaddr>> resolve(const std::string& address,
                                                Duration time_max = 10s) {
    if (!std::exchange(started_, true)) dns.start();
    TestWorld world;
    Reactor reactor(world, {.dns_servers = {dns.server()}, .resolve_max = time_max},
                    base::null_log(), nullptr);
    world.say(host::Resolve{Token{7}, TestWorld::address(address)});
    EXPECT_TRUE(run_until(reactor, [&] { return !world.resolved.empty(); }));
    EXPECT_EQ(world.resolved.at(0).token, Token{7});
    return std::move(world.resolved[0].addresses);
  }
  std::vector<std::string> texts(const std::string& address) {
    std::vector<std::string> result;
    const auto found = resolve(address);
    if (!found) return {"failed: " + found.error().message};
    for (const auto& one : *found) result.push_back(one.to_string());
    return result;
  }
  using Texts = std::vector<std::string>;

  FakeDns dns;

 private:
  bool started_ = false;
};

constexpr const char* id = "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

TEST_F(Resolving, ByFamily) {
  dns.table["both.test"] = {.a = {"192.0.2.1", "192.0.2.2"}, .aaaa = {"2001:db8::1"}, .txt = {}};
  const std::string end = "/tcp/4770" + std::string(id);
  EXPECT_EQ(texts("/dns4/both.test" + end),
            (Texts{"/ip4/192.0.2.1" + end, "/ip4/192.0.2.2" + end}));
  EXPECT_EQ(texts("/dns6/both.test" + end), (Texts{"/ip6/2001:db8::1" + end}));
  auto all = texts("/dns/both.test/tcp/1/ws");
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (Texts{"/ip4/192.0.2.1/tcp/1/ws", "/ip4/192.0.2.2/tcp/1/ws",
                        "/ip6/2001:db8::1/tcp/1/ws"}));
}

TEST_F(Resolving, LocalhostNeedsNoServer) {
  EXPECT_EQ(texts("/dns4/localhost/tcp/5"), Texts{"/ip4/127.0.0.1/tcp/5"});
}

TEST_F(Resolving, DnsaddrFollowsItsRecordsInOrder) {
  dns.table["_dnsaddr.boot.test"] = {
      .a = {},
      .aaaa = {},
      .txt = {"dnsaddr=/dns4/one.test/tcp/1" + std::string(id), "unrelated",
              "dnsaddr=/ip4/192.0.2.9/tcp/9", "dnsaddr=not an address",
              "dnsaddr=/dnsaddr/more.test" + std::string(id),
              "dnsaddr=/ip4/192.0.2.8/tcp/8" + std::string(id)}};
  dns.table["_dnsaddr.more.test"] = {
      .a = {}, .aaaa = {}, .txt = {"dnsaddr=/ip4/192.0.2.7/tcp/7" + std::string(id)}};
  dns.table["one.test"] = {.a = {"192.0.2.1"}, .aaaa = {}, .txt = {}};
  EXPECT_EQ(
      texts("/dnsaddr/boot.test" + std::string(id)),
      (Texts{"/ip4/192.0.2.1/tcp/1" + std::string(id), "/ip4/192.0.2.7/tcp/7" + std::string(id),
             "/ip4/192.0.2.8/tcp/8" + std::string(id)}));
  EXPECT_EQ(texts("/dnsaddr/boot.test").size(), 4u);
}

TEST_F(Resolving, AHostileDnsaddrIsBounded) {
  std::vector<std::string> many;
  for (int i = 1; i <= 20; ++i) many.push_back("dnsaddr=/ip4/192.0.2.1/tcp/" + std::to_string(i));
  dns.table["_dnsaddr.many.test"] = {.a = {}, .aaaa = {}, .txt = many};
  EXPECT_EQ(texts("/dnsaddr/many.test").size(), resolved_addresses_max);
}

TEST_F(Resolving, LoopsEnd) {
  std::vector<std::string> loops;
  for (int i = 0; i < 3; ++i) loops.push_back("dnsaddr=/dnsaddr/loop.test");
  dns.table["_dnsaddr.loop.test"] = {.a = {}, .aaaa = {}, .txt = loops};
  const auto failed = resolve("/dnsaddr/loop.test");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::not_found);
}

TEST_F(Resolving, TellsWhatDoesNotResolve) {
  const auto none = resolve("/dns4/none.test/tcp/1");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_NE(none.error().message.find("/dns4/none.test/tcp/1"), std::string::npos);
}

TEST_F(Resolving, SilenceTimesOut) {
  const auto silent = resolve("/dns4/silent.test/tcp/1", 200ms);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::timeout);
}

TEST_F(Resolving, EndsWithAQuestionUnderWay) {
  dns.start();
  TestWorld world;
  Reactor reactor(world, {.dns_servers = {dns.server()}}, base::null_log(), nullptr);
  for (std::uint64_t i = 0; i < resolves_at_once_max + 1; ++i) {
    world.say(host::Resolve{Token{i}, TestWorld::address("/dns/silent.test/tcp/1")});
  }
  ASSERT_TRUE(run_until(reactor, [&] { return !world.resolved.empty(); }));
  EXPECT_EQ(world.resolved[0].addresses.error().code, Code::limit);
}

TEST(Resolver, NoNameAtAll) {
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), nullptr);
  world.say(host::Resolve{Token{1}, codec::Multiaddr()});
  world.say(host::Resolve{Token{2}, TestWorld::address("/ip4/192.0.2.1/tcp/1")});
  ASSERT_TRUE(run_until(reactor, [&] { return world.resolved.size() == 2; }));
  EXPECT_FALSE(world.resolved[0].addresses);
  ASSERT_TRUE(world.resolved[1].addresses);
  EXPECT_EQ(world.resolved[1].addresses->size(), 1u);
}

}  // namespace
}  // namespace kith::rt

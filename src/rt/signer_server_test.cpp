// The signer's shell: real sockets, a real log, and the node's end of the connection.
#include "rt/signer_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "codec/peer_id.h"
#include "codec/test_votes.h"
#include "rt/local_socket.h"
#include "rt/signer_link.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using codec::SignerAnswer;
using codec::SignerRequest;

/// A node's end, blocking.
class Dialler {
 public:
  explicit Dialler(const std::string& path) {
    const LocalAddress address = to_local_address(path).value();
    fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd_.get(), address.get(), sizeof address.address), 0);
    set_timeout();
    pipe_.emplace(fd_.get());
  }
  Dialler(const codec::Multiaddr& at, const crypto::KeyPair& key) {
    const SocketAddress address = to_socket_address(*codec::as_tcp(at));
    fd_ = Fd(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd_.get(), address.get(), address.size), 0);
    set_timeout();
    identity_ = secure::make_noise_identity(key, {}, rng_);
    pipe_.emplace(fd_.get(), Direction::outbound, identity_, at.peer(), rng_);
  }
  /// The next answer; an error when the connection ends first.
  Result<SignerAnswer> ask(decltype(SignerRequest::what) what) {
    pipe_->send(codec::encode(SignerRequest{++number_, std::move(what)}));
    for (;;) {
      TRY_VOID(pipe_->flush());
      if (const auto frame = pipe_->poll_frame()) return codec::decode_signer_answer(*frame);
      TRY_VOID(pipe_->on_readable());
    }
  }
  Result<SignerAnswer> hello() { return ask(codec::SignerHello{codec::test_genesis, "node"}); }

 private:
  // A read gives up after a while, and the loop looks again; a test that hangs is ended from
  // outside.
  void set_timeout() {
    const timeval brief{0, 20'000};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
  }
  Fd fd_;
  SystemRng rng_;
  secure::NoiseIdentity identity_;
  std::optional<SignerPipe> pipe_;
  std::uint64_t number_ = 0;
};

class SignerServerTest : public testing::Test {
 protected:
  SignerServerTest() {
    char name[] = "/tmp/kith-signer-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~SignerServerTest() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  void start(std::vector<PeerId> allowed = {}) {
    wal_ = Wal::open(folder_ + "/votes", rng_).value();
    signer_.emplace(consensus::SignerConfig{}, key_, base::null_log());
    std::vector<Bytes> records;
    for (auto& [segment, of_it] : wal_->take_records()) {
      records.insert(records.end(), of_it.begin(), of_it.end());
    }
    if (!signer_->recover(records)) signer_->begin_lost();
    SignerServerConfig config{folder_ + "/signer.sock", {}, std::move(allowed), &identity_};
    if (!config.allowed.empty())
      config.listen = codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0").value();
    auto opened = SignerServer::open(std::move(config), *signer_, *wal_, base::null_log());
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    server_ = std::move(*opened);
    rng_.hand_over();
    thread_ = std::thread([this] { EXPECT_TRUE(server_->run().has_value()); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
    rng_.hand_over();
    server_.reset();
    signer_.reset();
    wal_.reset();
  }
  std::string path() const { return folder_ + "/signer.sock"; }

  std::string folder_;
  SystemRng rng_;
  const crypto::KeyPair key_ = codec::key_of_number(1);
  const crypto::KeyPair identity_ = codec::key_of_number(2);
  std::unique_ptr<Wal> wal_;
  std::optional<consensus::Signer> signer_;
  std::unique_ptr<SignerServer> server_;
  std::thread thread_;
};

/// Whether the answer is a refusal, and of which kind.
std::optional<codec::RefusalKind> refusal(const Result<SignerAnswer>& answer) {
  const auto* const refused = answer ? std::get_if<codec::SignerRefusal>(&answer->what) : nullptr;
  return refused == nullptr ? std::nullopt : std::optional(refused->kind);
}

TEST_F(SignerServerTest, SignsOverItsSocketAndRemembersOnItsDisk) {
  // A log that begins is what `kith signer init` makes.
  Wal::open(folder_ + "/votes", rng_)
      .value()
      ->append(
          0, std::vector<Bytes>{consensus::encode(consensus::SignerRecord(consensus::LogBegun{}))},
          true)
      .value();
  start();
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const codec::SignAsk vote = codec::SignVote{codec::nullify({1}, 3), false};
  crypto::Signature first{};
  {
    Dialler node(path());
    EXPECT_EQ(std::get<codec::SignerWelcome>(node.hello().value().what).key,
              codec::validator_key(key_));
    EXPECT_EQ(refusal(node.ask(vote)), codec::RefusalKind::locked);
    EXPECT_TRUE(std::holds_alternative<codec::LeaseHeld>(node.ask(codec::LeaseAsk{}).value().what));
    first = std::get<codec::SignatureGiven>(node.ask(vote).value().what).signature;
  }
  stop();
  start();
  Dialler node(path());
  ASSERT_TRUE(node.hello());
  ASSERT_TRUE(node.ask(codec::LeaseAsk{}));
  EXPECT_EQ(std::get<codec::SignatureGiven>(node.ask(vote).value().what).signature, first);
  const auto other = codec::notarize({1}, 3, 2, codec::number_hash(1));
  EXPECT_EQ(refusal(node.ask(codec::SignAsk(codec::SignVote{other, false}))),
            codec::RefusalKind::guard);
}

TEST_F(SignerServerTest, AnEndedConnectionFreesTheLease) {
  start();
  auto first = std::make_unique<Dialler>(path());
  Dialler second(path());
  ASSERT_TRUE(first->hello());
  ASSERT_TRUE(second.hello());
  EXPECT_TRUE(std::holds_alternative<codec::LeaseHeld>(first->ask(codec::LeaseAsk{}).value().what));
  EXPECT_TRUE(
      std::holds_alternative<codec::LeaseTaken>(second.ask(codec::LeaseAsk{}).value().what));
  first.reset();
  for (;;) {
    const auto answer = second.ask(codec::LeaseAsk{});
    ASSERT_TRUE(answer);
    if (std::holds_alternative<codec::LeaseHeld>(answer->what)) break;
  }
}

TEST_F(SignerServerTest, OverTcpOnlyThoseOnTheListAreHeard) {
  const crypto::KeyPair friend_key = codec::key_of_number(3);
  start({codec::peer_id_of(friend_key.public_key())});
  const auto at = server_->listening()->with_peer(codec::peer_id_of(identity_.public_key()));
  Dialler good(at, friend_key);
  EXPECT_TRUE(good.hello());
  Dialler stranger(at, codec::key_of_number(4));
  EXPECT_FALSE(stranger.hello());
  // Who dials somebody else than is there finds out before a frame is sent.
  Dialler misled(at.with_peer(codec::peer_id_of(friend_key.public_key())), friend_key);
  EXPECT_EQ(misled.hello().error().code, Code::wrong_peer);
  EXPECT_TRUE(good.ask(codec::LeaseAsk{})) << "the others were no trouble to it";
}

// The node's end: it dials until somebody answers, and again when that ends.
TEST_F(SignerServerTest, AReactorFindsItsSignerAndFindsItAgain) {
  const crypto::KeyPair node_key = codec::key_of_number(3);
  start({codec::peer_id_of(node_key.public_key())});
  const auto at = server_->listening()->with_peer(codec::peer_id_of(identity_.public_key()));
  for (const bool is_local : {true, false}) {
    ReactorConfig config;
    config.signer = is_local ? SignerAddress{path(), {}} : SignerAddress{{}, at};
    config.identity = &node_key;
    TestWorld world;
    Reactor reactor(world, config, base::null_log(), nullptr);
    const Bytes hello =
        codec::encode(SignerRequest{7, codec::SignerHello{codec::test_genesis, "node"}});
    world.on_signer_up = [&] { world.say(host::TellSigner{hello}); };
    bool has_left = false;
    ASSERT_TRUE(run_until(reactor, [&] {
      // What came first is left; what comes then is the second connection.
      if (!world.signer_said.empty() && !std::exchange(has_left, true)) {
        reactor.post([&] { world.say(host::LeaveSigner{}); });
      }
      return world.signer_said.size() == 2;
    }));
    EXPECT_EQ(world.signer_ups, 2);
    ASSERT_EQ(world.signer_downs.size(), 1u);
    EXPECT_TRUE(world.signer_downs[0].was_left);
    const SignerAnswer answer = codec::decode_signer_answer(world.signer_said[0]).value();
    EXPECT_EQ(answer.number, 7u);
    EXPECT_TRUE(std::holds_alternative<codec::SignerWelcome>(answer.what));
  }
}

TEST_F(SignerServerTest, AReactorWithoutASignerSaysWhyOnce) {
  const crypto::KeyPair node_key = codec::key_of_number(3);
  ReactorConfig config;
  config.signer = SignerAddress{path(), {}};
  config.identity = &node_key;
  TestWorld world;
  Reactor reactor(world, config, base::null_log(), nullptr);
  bool is_later = false;
  reactor.post_after(3 * SignerLink::retry_every, [&] { is_later = true; });
  ASSERT_TRUE(run_until(reactor, [&] { return is_later; }));
  ASSERT_EQ(world.signer_downs.size(), 1u);
  EXPECT_FALSE(world.signer_downs[0].was_left);
  EXPECT_NE(world.signer_downs[0].error.message.find("signer.sock"), std::string::npos);
}

TEST_F(SignerServerTest, TwoDoNotServeOneSocket) {
  start();
  const auto second = SignerServer::open({path()}, *signer_, *wal_, base::null_log());
  EXPECT_EQ(second.error().code, Code::locked);
}

TEST_F(SignerServerTest, WhatIsNoFrameEndsTheConnection) {
  start();
  const LocalAddress address = to_local_address(path()).value();
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(fd.get(), address.get(), sizeof address.address), 0);
  const std::uint8_t huge[] = {0xff, 0xff, 0x7f};  // a frame of 2 MiB
  ASSERT_EQ(::send(fd.get(), huge, sizeof huge, MSG_NOSIGNAL), 3);
  std::uint8_t byte = 0;
  EXPECT_EQ(::recv(fd.get(), &byte, 1, 0), 0) << "closed";
}

}  // namespace
}  // namespace kith::rt

// Files between two hosts over real loopback sockets, and senders that do not keep to the protocol.
#include "app/file_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "app/file_client.h"
#include "app/file_stream.h"
#include "base/rng.h"

namespace kith::app {
namespace {

namespace fs = std::filesystem;
using codec::FileRefusal;
using namespace std::chrono_literals;

class FileServerTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "kith-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    fs::create_directory(dir_ + "/in");
    receiver_ = start_host({GetParam()});
    sender_ = start_host({});
  }
  void TearDown() override {
    server_.reset();
    sender_.reset();
    receiver_.reset();
    fs::remove_all(dir_);
  }

  static std::unique_ptr<Host> start_host(std::vector<std::string> listen) {
    auto host = Host::start({.listen = std::move(listen)});
    EXPECT_TRUE(host.has_value()) << to_string(host.error());
    return std::move(*host);
  }
  void serve(FileServerRules rules = {}) {
    rules.files.dir = dir_ + "/in";
    server_ = FileServer::start(*receiver_, std::move(rules)).value();
  }
  std::string make_file(const std::string& name, std::size_t size) {
    SeededRng rng(size);
    Bytes content(size);
    rng.fill(content);
    std::ofstream(dir_ + "/" + name, std::ios::binary) << base::as_text(content);
    return dir_ + "/" + name;
  }
  Result<FileSent> send(
      const std::string& path, const std::string& name,
      std::function<bool()> is_stopped = [] { return false; }) {
    return send_file(*sender_, receiver_->addresses().at(0),
                     {path, name, std::move(is_stopped), [](std::string_view, const auto&) {}});
  }
  /// The next event; a failure of the test when there is none.
  FileEvent event() {
    for (int i = 0; i < 100; ++i) {
      auto events = server_->wait(100ms);
      if (!events.empty()) return events[0];
    }
    ADD_FAILURE() << "nothing happened";
    return FileFailed{};
  }
  FileReceived received() {
    const FileEvent got = event();
    const auto* const file = std::get_if<FileReceived>(&got);
    if (file != nullptr) return *file;
    ADD_FAILURE() << to_string(std::get<FileFailed>(got).error);
    return {};
  }
  Error failed() {
    const FileEvent got = event();
    const auto* const fault = std::get_if<FileFailed>(&got);
    if (fault != nullptr) return fault->error;
    ADD_FAILURE() << "was received";
    return {};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_ + "/in"), fs::directory_iterator()));
  }
  /// A stream that speaks the protocol as the test likes.
  std::shared_ptr<FileStream> raw() {
    const auto peer = sender_->connect_wait(receiver_->addresses().at(0));
    EXPECT_TRUE(peer.has_value());
    std::promise<Result<Stream>> opened;
    sender_->open(*peer, std::string(codec::file_protocol),
                  [&](Result<Stream> stream) { opened.set_value(std::move(stream)); });
    return FileStream::attach(opened.get_future().get().value());
  }
  static Bytes heard(FileStream& stream) {
    Bytes bytes;
    EXPECT_TRUE(stream.wait_bytes(bytes, 10s).has_value());
    return bytes;
  }
  static std::optional<FileRefusal> refusal_of(const Bytes& answer) {
    return codec::peek_file_answer(answer).value().value().value.refusal;
  }
  static Bytes bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  static bool comes_true(const std::function<bool()>& is_true) {
    for (int i = 0; i < 500; ++i) {
      if (is_true()) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
  static bool same(const std::string& a, const std::string& b) {
    std::ifstream x(a, std::ios::binary);
    std::ifstream y(b, std::ios::binary);
    return x.good() && y.good() &&
           std::equal(std::istreambuf_iterator<char>(x), {}, std::istreambuf_iterator<char>(y),
                      std::istreambuf_iterator<char>());
  }

  std::string dir_;
  std::unique_ptr<Host> receiver_, sender_;
  std::unique_ptr<FileServer> server_;
};

TEST_P(FileServerTest, AFileArrivesWhole) {
  serve();
  const std::string path = make_file("big", 5'000'001);
  const auto sent = send(path, "big");
  ASSERT_TRUE(sent.has_value()) << to_string(sent.error());
  const auto got = received();
  EXPECT_EQ(got.path, dir_ + "/in/big");
  EXPECT_TRUE(same(path, got.path));
  EXPECT_EQ(got.sha256, sent->sha256);
  EXPECT_EQ(got.size, 5'000'001u);
  EXPECT_EQ(got.peer, sender_->peer_id());
  EXPECT_EQ(sent->peer, receiver_->peer_id());
  EXPECT_EQ(got.transport, sent->transport);
  const bool is_packets = std::string_view(GetParam()).ends_with("/kith");
  EXPECT_TRUE(sent->transport.starts_with(is_packets ? "udp/kith" : "tcp")) << sent->transport;
  EXPECT_EQ(files(), 1u);
  ASSERT_TRUE(send(make_file("empty", 0), "empty").has_value());
  EXPECT_EQ(fs::file_size(received().path), 0u);
}

TEST_P(FileServerTest, ASecondTryGoesOn) {
  serve();
  const std::string path = make_file("big", 200'000);
  const Bytes content = bytes_of(path);
  const codec::FileOffer offer{"big", content.size(), crypto::sha256(content)};
  const auto half = raw();
  ASSERT_TRUE(half->say(codec::encode_file_offer(offer)).has_value());
  heard(*half);
  ASSERT_TRUE(half->say({content.begin(), content.begin() + 100'000}).has_value());
  ASSERT_TRUE(comes_true([&] {
    const auto progress = server_->progress();
    return progress && progress->done == 100'000;
  }));
  half->cancel();
  failed();
  EXPECT_EQ(files(), 1u);
  const auto sent = send(path, "big");
  ASSERT_TRUE(sent.has_value()) << to_string(sent.error());
  EXPECT_EQ(sent->offset, 100'000u);
  const auto got = received();
  EXPECT_EQ(got.offset, 100'000u);
  EXPECT_TRUE(same(path, got.path));
  EXPECT_EQ(files(), 1u);
}

TEST_P(FileServerTest, RefusalsHaveTheirReasons) {
  serve({.files = {.dir = "", .size_max = 1000}, .from = {}});
  EXPECT_EQ(send(make_file("big", 1001), "big").error().code, Code::too_large);
  EXPECT_EQ(failed().code, Code::too_large);
  EXPECT_TRUE(send(make_file("fits", 1000), "fits").has_value());
  received();
  EXPECT_EQ(send(dir_, "folder").error().code, Code::usage);
  EXPECT_EQ(send(dir_ + "/none", "none").error().code, Code::not_found);
  EXPECT_EQ(send(dir_ + "/fits", "a/b").error().code, Code::malformed);
  server_.reset();  // the handler stays with the host, and takes nothing
  EXPECT_FALSE(send(dir_ + "/fits", "fits").has_value());
  EXPECT_EQ(files(), 1u);
}

TEST_P(FileServerTest, OnlyWhoIsWantedSends) {
  serve({.files = {}, .from = {receiver_->peer_id()}});
  EXPECT_EQ(send(make_file("a", 10), "a").error().code, Code::refused);
  EXPECT_EQ(failed().code, Code::refused);
  EXPECT_EQ(files(), 0u);
}

TEST_P(FileServerTest, WhoIsNotWantedTakesNoPlace) {
  serve({.files = {}, .from = {receiver_->peer_id()}, .transfers_max = 1});
  const Bytes offer = codec::encode_file_offer({"aaa", 4, {}});
  std::vector<std::shared_ptr<FileStream>> strangers;
  for (int i = 0; i < 3; ++i) {
    strangers.push_back(raw());
    // No offer yet: who it is, is known before it says anything.
    ASSERT_TRUE(strangers.back()->say({offer[0]}).has_value());
    EXPECT_EQ(refusal_of(heard(*strangers.back())), FileRefusal::not_wanted);
    EXPECT_EQ(failed().code, Code::refused);
  }
}

TEST_P(FileServerTest, OnePeerTakesTwoPlacesAndAnotherFindsOne) {
  serve();
  std::vector<std::shared_ptr<FileStream>> streams;
  for (const char* name : {"a", "b", "c"}) {
    streams.push_back(raw());
    ASSERT_TRUE(streams.back()->say(codec::encode_file_offer({name, 4, {}})).has_value());
    const auto refusal = refusal_of(heard(*streams.back()));
    EXPECT_EQ(refusal, streams.size() <= 2 ? std::nullopt : std::optional(FileRefusal::busy));
  }
  const auto other = start_host({});
  const auto sent = send_file(*other, receiver_->addresses().at(0),
                              {make_file("d", 10), "d", [] { return false; }, {}});
  EXPECT_TRUE(sent.has_value()) << to_string(sent.error());
  received();
  streams[0]->cancel();  // and so there is a place again
  failed();
  EXPECT_TRUE(send(dir_ + "/d", "e").has_value());
}

TEST_P(FileServerTest, AStreamDoesNotOutliveItsTransferForLong) {
  serve({.files = {}, .from = {}, .transfers_max = 1, .goodbye_timeout = 300ms});
  // A sender that hears its verdict and never ends its side.
  const auto whole = raw();
  const codec::FileOffer offer{"aaa", 4, crypto::sha256(base::as_bytes("text"))};
  ASSERT_TRUE(whole->say(codec::encode_file_offer(offer)).has_value());
  heard(*whole);
  ASSERT_TRUE(whole->say(base::to_bytes("text")).has_value());
  EXPECT_TRUE(codec::peek_file_verdict(heard(*whole)).value().has_value());
  EXPECT_TRUE(comes_true([&] { return !whole->say({1}).has_value(); }));
  received();
  // One that is refused as what it offers is none.
  const auto wrong = raw();
  ASSERT_TRUE(wrong->say({0xff, 0xff, 0x7f}).has_value());
  EXPECT_EQ(refusal_of(heard(*wrong)), FileRefusal::bad_name);
  EXPECT_TRUE(comes_true([&] { return !wrong->say({1}).has_value(); }));
  failed();
  // And one that finds no place.
  const auto first = raw();
  ASSERT_TRUE(first->say(codec::encode_file_offer(offer)).has_value());
  heard(*first);
  const auto busy = raw();
  ASSERT_TRUE(busy->say(codec::encode_file_offer(offer)).has_value());
  EXPECT_EQ(refusal_of(heard(*busy)), FileRefusal::busy);
  EXPECT_TRUE(comes_true([&] {
    EXPECT_TRUE(server_->wait(0ms).empty());  // which ends it
    return !busy->say({1}).has_value();
  }));
  EXPECT_TRUE(first->say({'t'}).has_value());
}

TEST_P(FileServerTest, ConnectingCanBeCalledOff) {
  const std::string path = make_file("a", 10);
  const auto send_to = [&](const std::string& target, const std::function<bool()>& is_stopped) {
    return send_file(*sender_, target, {path, "a", is_stopped, {}}).error().code;
  };
  // A peer that nobody has told the address of.
  const std::string peer = start_host({})->peer_id();
  EXPECT_EQ(send_to(peer, [] { return false; }), Code::unreachable);
  int asked = 0;
  EXPECT_EQ(send_to(peer, [&] { return ++asked > 2; }), Code::canceled);
  // An address that takes connections and says nothing.
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  ASSERT_TRUE(::bind(silent, address, size) == 0 && ::listen(silent, 1) == 0 &&
              ::getsockname(silent, address, &size) == 0);
  asked = 0;
  EXPECT_EQ(send_to("/ip4/127.0.0.1/tcp/" + std::to_string(ntohs(at.sin_port)) + "/p2p/" + peer,
                    [&] { return ++asked > 2; }),
            Code::canceled);
  ::close(silent);
}

TEST_P(FileServerTest, WhatIsNoOfferIsRefused) {
  serve();
  const codec::FileOffer good{"aaa", 4, crypto::sha256(base::as_bytes("text"))};
  const Bytes bytes = codec::encode_file_offer(good);
  const auto answered = [&](ByteView offer) {
    const auto stream = raw();
    EXPECT_TRUE(stream->say(base::to_bytes(offer)).has_value());
    const Bytes answer = heard(*stream);
    stream->finish();
    failed();
    return refusal_of(answer);
  };
  Bytes bad = bytes;
  bad[bad.size() - 2] = '/';
  EXPECT_EQ(answered(bad), FileRefusal::bad_name);
  bad = bytes;
  bad[1] = 2;
  EXPECT_EQ(answered(bad), FileRefusal::unsupported);
  EXPECT_EQ(answered(Bytes{0xff, 0xff, 0x7f}), FileRefusal::bad_name);  // far too long
  EXPECT_EQ(answered(Bytes{0}), FileRefusal::bad_name);                 // cut short
  EXPECT_EQ(files(), 0u);
}

TEST_P(FileServerTest, ContentThatIsNotAsOfferedIsNotKept) {
  serve();
  const codec::FileOffer offer{"aaa", 4, crypto::sha256(base::as_bytes("text"))};
  {
    const auto stream = raw();
    EXPECT_TRUE(stream->say(codec::encode_file_offer(offer)).has_value());
    heard(*stream);
    EXPECT_TRUE(stream->say(base::to_bytes("tex?")).has_value());
    EXPECT_EQ(codec::peek_file_verdict(heard(*stream)).value().value().value.refusal,
              FileRefusal::wrong_hash);
    stream->finish();
    EXPECT_EQ(failed().code, Code::malformed);
    EXPECT_EQ(files(), 0u);
  }
  {
    const auto stream = raw();
    EXPECT_TRUE(stream->say(codec::encode_file_offer(offer)).has_value());
    heard(*stream);
    EXPECT_TRUE(stream->say(base::to_bytes("text and more")).has_value());
    EXPECT_EQ(failed().code, Code::protocol);
  }
  {
    const auto stream = raw();
    Bytes early = codec::encode_file_offer(offer);
    early.push_back('t');
    EXPECT_TRUE(stream->say(early).has_value());
    EXPECT_EQ(failed().code, Code::protocol);
  }
  {
    const auto stream = raw();
    EXPECT_TRUE(stream->say(codec::encode_file_offer(offer)).has_value());
    heard(*stream);
    EXPECT_TRUE(stream->say(base::to_bytes("te")).has_value());
    stream->finish();
    EXPECT_EQ(failed().code, Code::closed);
    EXPECT_EQ(files(), 1u);  // the part
  }
}

TEST_P(FileServerTest, TakesSoManyAtOnceAndEndsWithThemUnderWay) {
  serve({.files = {}, .from = {}, .transfers_max = 1});
  const auto stream = raw();
  EXPECT_TRUE(stream->say(codec::encode_file_offer({"aaa", 4, {}})).has_value());
  heard(*stream);
  EXPECT_EQ(send(make_file("a", 10), "a").error().code, Code::limit);
  server_->stop();
  Bytes none;
  EXPECT_FALSE(stream->wait_bytes(none, 10s).has_value());
  EXPECT_EQ(files(), 0u);  // no part of what never came
}

INSTANTIATE_TEST_SUITE_P(Transports, FileServerTest,
                         testing::Values("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/kith"),
                         [](const auto& about) { return about.index == 0 ? "Tcp" : "Packets"; });

}  // namespace
}  // namespace kith::app

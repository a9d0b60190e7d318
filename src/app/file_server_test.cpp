// Files between two hosts over real loopback sockets, and senders that do not keep to the protocol.
#include "app/file_server.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

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
  const std::string path = make_file("big", 150'000'000);
  // Stopped when a good part is there.
  const auto stopped = send(path, "big", [&] {
    const auto progress = server_->progress();
    return progress && progress->done > 1'000'000;
  });
  ASSERT_EQ(stopped.error().code, Code::canceled);
  failed();
  EXPECT_EQ(files(), 1u);
  const auto sent = send(path, "big");
  ASSERT_TRUE(sent.has_value()) << to_string(sent.error());
  EXPECT_GT(sent->offset, 1'000'000u);
  const auto got = received();
  EXPECT_EQ(got.offset, sent->offset);
  EXPECT_TRUE(same(path, got.path));
  EXPECT_EQ(files(), 1u);
}

TEST_P(FileServerTest, RefusalsHaveTheirReasons) {
  serve({.files = {.dir = "", .size_max = 1000}, .from = {}});
  EXPECT_EQ(send(make_file("big", 1001), "big").error().code, Code::too_large);
  EXPECT_EQ(failed().code, Code::too_large);
  EXPECT_TRUE(send(make_file("fits", 1000), "fits").has_value());
  received();
  server_.reset();  // the handler stays with the host, and says that it is busy
  EXPECT_EQ(send(dir_ + "/fits", "fits").error().code, Code::limit);
  EXPECT_EQ(send(dir_, "folder").error().code, Code::usage);
  EXPECT_EQ(send(dir_ + "/none", "none").error().code, Code::not_found);
  EXPECT_EQ(send(dir_ + "/fits", "a/b").error().code, Code::malformed);
}

TEST_P(FileServerTest, OnlyWhoIsWantedSends) {
  serve({.files = {}, .from = {receiver_->peer_id()}});
  EXPECT_EQ(send(make_file("a", 10), "a").error().code, Code::refused);
  EXPECT_EQ(failed().code, Code::refused);
  EXPECT_EQ(files(), 0u);
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
    return codec::peek_file_answer(answer).value().value().value.refusal;
  };
  Bytes bad = bytes;
  bad[bad.size() - 2] = '/';
  EXPECT_EQ(answered(bad), FileRefusal::bad_name);
  bad = bytes;
  bad[1] = 2;
  EXPECT_EQ(answered(bad), FileRefusal::unsupported);
  EXPECT_EQ(answered(Bytes{0xff, 0xff, 0x7f}), FileRefusal::bad_name);  // far too long
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
}

INSTANTIATE_TEST_SUITE_P(Transports, FileServerTest,
                         testing::Values("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/kith"),
                         [](const auto& about) { return about.index == 0 ? "Tcp" : "Packets"; });

}  // namespace
}  // namespace kith::app

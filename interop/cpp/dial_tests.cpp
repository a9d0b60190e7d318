#include "dial_tests.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>

#include "serve.h"

namespace interop {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t mib = 1024 * 1024;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
void check(bool holds, const std::string& message) {
  if (!holds) throw Failure(message);
}
std::string field(const std::string& name, double value) {
  return "\"" + name + "\":" + std::to_string(value);
}
std::string field(const std::string& name, std::uint64_t value) {
  return "\"" + name + "\":" + std::to_string(value);
}
std::string field(const std::string& name, const std::string& value) {
  return "\"" + name + "\":\"" + escape(value) + "\"";
}
std::string rate(const std::string& name, std::uint64_t bytes, double seconds) {
  if (bytes == 0) return "\"" + name + "\":null";
  return field(name, static_cast<double>(bytes) / static_cast<double>(mib) / seconds);
}

std::unique_ptr<kith::Host> start_host(const TestOptions& options) {
  kith::HostOptions host_options;
  host_options.private_network_key = options.private_network_key;
  host_options.agent_version = "kith-interop-cpp";
  host_options.web_sockets = web_options();
  auto host = kith::Host::start(host_options);
  check(host.has_value(), host ? "" : kith::base::to_string(host.error()));
  return std::move(*host);
}

/// A dialled connection.
class Session {
 public:
  Session(const std::string& address, const TestOptions& options) {
    host_ = start_host(options);
    host_->on_peer([identified = identified_](const kith::PeerEvent& event) {
      if (event.kind == kith::PeerEvent::Kind::identified && !identified->told.exchange(true)) {
        identified->promise.set_value();
      }
    });
    connect(address);
    if (options.numbers.contains("identified")) identity();
  }

  void connect(const std::string& address) {
    const auto start = Clock::now();
    const auto peer = host_->connect_wait(address);
    connect_ms = seconds_since(start) * 1000;
    if (!peer) throw Failure(kith::base::to_string(peer.error()));
    peer_ = *peer;
  }
  BlockingStream open(const std::string& protocol) {
    auto opened = std::make_shared<std::promise<kith::Result<BlockingStream>>>();
    host_->open(peer_, protocol, [opened](kith::Result<kith::Stream> stream) {
      if (stream) {
        opened->set_value(BlockingStream(std::move(*stream)));
      } else {
        opened->set_value(kith::fail(std::move(stream).error()));
      }
    });
    auto stream = opened->get_future().get();
    if (!stream) throw Failure(kith::base::to_string(stream.error()));
    return std::move(*stream);
  }
  kith::PeerDetails identity() {
    identified_->future.wait();
    const auto details = host_->details(peer_);
    check(details.has_value(), "the peer left");
    return *details;
  }
  kith::Host& host() { return *host_; }
  const std::string& peer() const { return peer_; }

  double connect_ms = 0;

 private:
  struct Identified {
    std::atomic<bool> told = false;
    std::promise<void> promise;
    std::shared_future<void> future = promise.get_future().share();
  };
  std::shared_ptr<Identified> identified_ = std::make_shared<Identified>();
  std::unique_ptr<kith::Host> host_;
  std::string peer_;
};

// The period is no multiple of any frame size, so that a lost or moved frame shows.
const std::vector<std::uint8_t>& pattern() {
  static const std::vector<std::uint8_t> bytes = [] {
    std::vector<std::uint8_t> made(65521);
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      made[i] = static_cast<std::uint8_t>((i * 2654435761U) >> 13);
    }
    return made;
  }();
  return bytes;
}

void write_pattern(BlockingStream& stream, std::uint64_t size) {
  for (std::uint64_t sent = 0; sent < size; sent += pattern().size()) {
    const auto left = std::min<std::uint64_t>(pattern().size(), size - sent);
    stream.write(std::span(pattern()).first(static_cast<std::size_t>(left)));
  }
}

void send_pattern(BlockingStream& stream, std::uint64_t size) {
  write_pattern(stream, size);
  stream.finish();
}

std::uint64_t read_pattern(BlockingStream& stream) {
  std::uint64_t at = 0;
  for (auto piece = stream.read(); !piece.empty(); piece = stream.read()) {
    for (std::size_t used = 0; used < piece.size();) {
      const auto from = static_cast<std::size_t>(at % pattern().size());
      const std::size_t step = std::min(pattern().size() - from, piece.size() - used);
      check(std::memcmp(piece.data() + used, pattern().data() + from, step) == 0,
            "bytes differ after " + std::to_string(at));
      at += step;
      used += step;
    }
  }
  return at;
}

void echo(Session& session, std::uint64_t size) {
  BlockingStream stream = session.open(echo_protocol);
  auto received = std::async(std::launch::async, [&] { return read_pattern(stream); });
  send_pattern(stream, size);
  const std::uint64_t count = received.get();
  check(count == size,
        "received " + std::to_string(count) + " of " + std::to_string(size) + " bytes");
}

std::array<std::uint8_t, 8> big_endian(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  return bytes;
}

// --- the tests -----------------------------------------------------------------------------------

std::string test_ping(Session& session, const TestOptions& options) {
  const std::uint64_t count = options.number("count", 10);
  std::vector<double> rtts_us;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::promise<kith::Result<std::chrono::nanoseconds>> answer;
    session.host().ping(session.peer(), [&](auto rtt) { answer.set_value(std::move(rtt)); });
    const auto rtt = answer.get_future().get();
    check(rtt.has_value(), rtt ? "" : kith::base::to_string(rtt.error()));
    rtts_us.push_back(static_cast<double>(rtt->count()) / 1000);
  }
  std::ranges::sort(rtts_us);
  const auto at = [&](double share) {
    return rtts_us[std::min(rtts_us.size() - 1,
                            static_cast<std::size_t>(static_cast<double>(rtts_us.size()) * share))];
  };
  return field("sent", count) + "," + field("received", std::uint64_t{rtts_us.size()}) +
         ",\"rtt_us\":{" + field("min", at(0)) + "," + field("p50", at(0.5)) + "," +
         field("p99", at(0.99)) + "," + field("max", at(1)) + "}";
}

std::string test_identify(Session& session, const TestOptions&) {
  const kith::PeerDetails said = session.identity();
  check(std::ranges::find(said.protocols, "/ipfs/ping/1.0.0") != said.protocols.end(),
        "identify lists no ping protocol");
  check(!said.observed_address.empty(), "identify has no observed address");
  return field("peer_id", said.peer) + "," + field("agent", said.agent_version) + "," +
         field("observed_address", said.observed_address) +
         ",\"signed_peer_record\":" + (said.has_signed_record ? "true" : "false");
}

/// Perf as a program that cares for speed would do it: on the host's thread, without copies kept.
struct PerfRun : std::enable_shared_from_this<PerfRun> {
  void start(kith::Stream opened) {
    stream.emplace(std::move(opened));
    const auto self = shared_from_this();
    stream->on_room([self](std::size_t) { self->upload(); });
    stream->on_data([self](std::span<const std::uint8_t> data) {
      if (self->received == 0) self->first_byte = Clock::now();
      self->received += data.size();
    });
    stream->on_close(
        [self](std::optional<kith::Error> error) { self->done.set_value(std::move(error)); });
    stream->write(big_endian(wanted));
    upload();
  }
  void upload() {
    if (is_finished) return;
    while (left > 0) {
      const bool is_last = left < zeros->size();
      const bool is_taken =
          is_last ? stream->write(std::span(*zeros).first(static_cast<std::size_t>(left)))
                  : stream->write(zeros);
      if (!is_taken) return;
      left -= std::min<std::uint64_t>(left, zeros->size());
    }
    is_finished = true;
    stream->finish();
  }

  std::optional<kith::Stream> stream;
  std::shared_ptr<const std::vector<std::uint8_t>> zeros =
      std::make_shared<const std::vector<std::uint8_t>>(64 * 1024);
  std::uint64_t wanted = 0, left = 0, received = 0;
  bool is_finished = false;
  std::optional<Clock::time_point> first_byte;
  std::promise<std::optional<kith::Error>> done;
};

std::string test_perf(Session& session, const TestOptions& options) {
  const std::uint64_t upload = options.number("upload", 0);
  const std::uint64_t download = options.number("download", 0);
  auto run = std::make_shared<PerfRun>();
  run->wanted = download;
  run->left = upload;
  auto done = run->done.get_future();
  const auto start = Clock::now();
  session.host().open(session.peer(), "/perf/1.0.0", [run](kith::Result<kith::Stream> stream) {
    if (stream) {
      run->start(std::move(*stream));
    } else {
      run->done.set_value(std::move(stream).error());
    }
  });
  const auto error = done.get();
  const auto end = Clock::now();
  check(!error, error ? kith::base::to_string(*error) : "");
  check(run->received == download,
        "received " + std::to_string(run->received) + " of " + std::to_string(download) + " bytes");
  // Without a download the end of the stream says that all was received.
  const auto uploaded = upload == 0 ? start : run->first_byte.value_or(end);
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  return field("seconds", seconds(end - start)) + "," + field("upload_bytes", upload) + "," +
         field("download_bytes", download) + "," +
         rate("upload_mib_s", upload, seconds(uploaded - start)) + "," +
         rate("download_mib_s", download, seconds(end - uploaded));
}

std::string test_echo(Session& session, const TestOptions& options) {
  const std::uint64_t size = options.number("size", mib);
  const auto start = Clock::now();
  echo(session, size);
  const double seconds = seconds_since(start);
  return field("bytes", size) + "," + field("seconds", seconds) + "," +
         rate("mib_s", size, seconds);
}

std::string test_sink(Session& session, const TestOptions& options) {
  const std::uint64_t size = options.number("size", mib);
  BlockingStream stream = session.open(sink_protocol);
  send_pattern(stream, size);
  std::uint64_t counted = 0;
  for (const std::uint8_t byte : stream.read_exactly(8)) counted = counted << 8 | byte;
  check(counted == size, "the sink counted " + std::to_string(counted) + " bytes");
  check(stream.left_over() == 0 && stream.drain() == 0, "the sink sent more than its count");
  return field("bytes", size);
}

std::string test_many(Session& session, const TestOptions& options) {
  const std::uint64_t streams = options.number("streams", 200);
  const std::uint64_t size = options.number("size", 65536);
  const auto start = Clock::now();
  std::vector<BlockingStream> open;
  for (std::uint64_t i = 0; i < streams; ++i) open.push_back(session.open(echo_protocol));
  // All are open at once; 64 KiB each fits the windows, so they are written one after the other.
  for (auto& stream : open) send_pattern(stream, size);
  for (auto& stream : open) check(read_pattern(stream) == size, "a stream lost bytes");
  return field("streams", streams) + "," + field("bytes", streams * size) + "," +
         field("seconds", seconds_since(start));
}

std::string test_reset(Session& session, const TestOptions&) {
  BlockingStream stream = session.open(reset_protocol);
  stream.write(std::array<std::uint8_t, 1>{1});
  std::string how;
  try {
    stream.drain();
  } catch (const Failure& failure) {
    how = failure.what();
  }
  check(!how.empty(), "the stream ended instead of being reset");
  check(how.starts_with("reset"), how);
  echo(session, 1);
  return field("detail", how);
}

std::string test_halfclose(Session& session, const TestOptions&) {
  const std::uint64_t size = 128 * 1024;
  BlockingStream stream = session.open(echo_protocol);
  send_pattern(stream, size);
  const std::uint64_t received = read_pattern(stream);
  check(received == size, "received " + std::to_string(received) + " bytes after the half-close");
  return field("bytes", size);
}

using Name = std::array<std::uint8_t, 8>;

/// This process's names differ from those of others by its id and the time.
Name name_of(std::uint8_t number) {
  static const auto start =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  return big_endian((start ^ static_cast<std::uint64_t>(getpid()) << 40) << 8 | number);
}

/// A stream whose first bytes are a name.
BlockingStream open_named(Session& session, const char* protocol, std::uint8_t number) {
  BlockingStream stream = session.open(protocol);
  stream.write(name_of(number));
  return stream;
}

/// How the named stream ended at the listener, and after how many bytes.
std::pair<char, std::uint64_t> fate_of(Session& session, std::uint8_t number) {
  BlockingStream stream = open_named(session, fate_protocol, number);
  const auto told = stream.read_exactly(9);
  std::uint64_t count = 0;
  for (const std::uint8_t byte : std::span(told).subspan(1)) count = count << 8 | byte;
  stream.finish();
  return {static_cast<char>(told[0]), count};
}

void expect_fate(const std::pair<char, std::uint64_t>& fate, bool is_right) {
  check(is_right, std::string("the listener saw '") + fate.first + "' after " +
                      std::to_string(fate.second) + " bytes");
}

std::string test_cancel(Session& session, const TestOptions&) {
  const std::uint64_t size = 100'000;
  BlockingStream cancelled = open_named(session, watch_protocol, 1);
  cancelled.read_exactly(8);
  write_pattern(cancelled, size);
  cancelled.reset();
  const auto reset = fate_of(session, 1);
  expect_fate(reset, reset.first == 'R' && reset.second <= size);
  // The same to its end, so that it shows that the listener tells the two apart.
  BlockingStream ended = open_named(session, watch_protocol, 2);
  send_pattern(ended, size);
  check(ended.drain() == 9, "a watched stream did not send its 9 bytes");
  const auto end = fate_of(session, 2);
  expect_fate(end, end.first == 'E' && end.second == size);
  echo(session, 1);
  return field("bytes", reset.second);
}

std::string test_earlyclose(Session& session, const TestOptions& options) {
  const std::uint64_t size = options.number("size", mib);
  BlockingStream stream = open_named(session, early_protocol, 1);
  check(stream.drain() == 0, "bytes came before the end");
  send_pattern(stream, size);
  const auto end = fate_of(session, 1);
  expect_fate(end, end.first == 'E' && end.second == size);
  echo(session, 1);
  return field("bytes", size);
}

std::string test_unknown(Session& session, const TestOptions&) {
  std::string how;
  try {
    BlockingStream stream = session.open(none_protocol);
    stream.read();
  } catch (const Failure& failure) {
    how = failure.what();
  }
  check(how.starts_with("unsupported"), "a protocol nobody serves was accepted: " + how);
  echo(session, 1);
  return field("detail", how);
}

std::string expect_refused(const std::string& address, const TestOptions& options) {
  try {
    Session session(address, options);
  } catch (const Failure& failure) {
    return failure.what();
  }
  throw Failure("connected although it should have been refused");
}

std::string test_wrong_peer(const std::string& address, const TestOptions& options) {
  const std::string other = (*kith::Host::start({}))->peer_id();
  const std::string wrong = address.substr(0, address.find("/p2p/")) + "/p2p/" + other;
  const std::string how = expect_refused(wrong, options);
  check(how.starts_with("wrong_peer"), how);
  Session session(address, options);
  echo(session, 1);
  return field("detail", how);
}

/// One node that dials, waits for identify, closes, and so on.
void shake_hands(const std::string& address, const TestOptions& options,
                 std::atomic<std::int64_t>& left) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t identified = 0, gone = 0;
  };
  const auto shared = std::make_shared<Shared>();
  auto host = start_host(options);
  host->on_peer([shared](const kith::PeerEvent& event) {
    const std::lock_guard lock(shared->mutex);
    shared->identified += event.kind == kith::PeerEvent::Kind::identified ? 1 : 0;
    shared->gone += event.kind == kith::PeerEvent::Kind::disconnected ? 1 : 0;
    shared->changed.notify_all();
  });
  const auto wait_for = [&](std::uint64_t Shared::* count, std::uint64_t value) {
    std::unique_lock lock(shared->mutex);
    shared->changed.wait(lock, [&] { return (*shared).*count >= value; });
  };
  for (std::uint64_t done = 1; left.fetch_sub(1) > 0; ++done) {
    const auto peer = host->connect_wait(address);
    if (!peer) throw Failure(kith::base::to_string(peer.error()));
    wait_for(&Shared::identified, done);
    host->disconnect(*peer);
    wait_for(&Shared::gone, done);
  }
}

std::string test_handshakes(const std::string& address, const TestOptions& options) {
  const std::uint64_t count = options.number("count", 100);
  const std::uint64_t parallel = options.number("parallel", 1);
  std::atomic<std::int64_t> left = static_cast<std::int64_t>(count);
  const auto start = Clock::now();
  std::vector<std::future<void>> workers;
  for (std::uint64_t i = 0; i < parallel; ++i) {
    workers.push_back(std::async(std::launch::async, [&] { shake_hands(address, options, left); }));
  }
  for (auto& worker : workers) worker.get();
  const double seconds = seconds_since(start);
  return field("count", count) + "," + field("parallel", parallel) + "," +
         field("seconds", seconds) + "," +
         field("per_second", static_cast<double>(count) / seconds);
}

using SessionTest = std::string (*)(Session&, const TestOptions&);
const std::map<std::string, SessionTest> session_tests = {
    {"ping", test_ping},       {"identify", test_identify},
    {"perf", test_perf},       {"echo", test_echo},
    {"sink", test_sink},       {"many", test_many},
    {"cancel", test_cancel},   {"earlyclose", test_earlyclose},
    {"reset", test_reset},     {"halfclose", test_halfclose},
    {"unknown", test_unknown},
};

}  // namespace

bool is_test(const std::string& name) {
  return session_tests.contains(name) || name == "wrongpeer" || name == "refused" ||
         name == "handshakes";
}

std::string run_test(const std::string& name, const std::string& address,
                     const TestOptions& options) {
  if (name == "wrongpeer") return test_wrong_peer(address, options);
  if (name == "handshakes") return test_handshakes(address, options);
  if (name == "refused") return field("detail", expect_refused(address, options));
  Session session(address, options);
  const std::string result = session_tests.at(name)(session, options);
  return field("connect_ms", session.connect_ms) + "," + result;
}

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped.push_back('\\');
    escaped.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return escaped;
}

}  // namespace interop

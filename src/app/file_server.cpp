#include "app/file_server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "app/file_stream.h"
#include "base/format.h"

namespace kith::app {
namespace {

using FileClock = std::chrono::steady_clock;
using codec::FileRefusal;

constexpr auto offer_timeout = std::chrono::seconds(30);
constexpr auto stall_timeout = std::chrono::seconds(60);
constexpr auto refused_look_interval = std::chrono::milliseconds(200);

double file_seconds_since(FileClock::time_point begin) {
  return std::chrono::duration<double>(FileClock::now() - begin).count();
}

FileRefusal refusal_of_offer(const Error& error) {
  return error.code == Code::unsupported ? FileRefusal::unsupported : FileRefusal::bad_name;
}

FileRefusal refusal_of_disk(const Error& error) {
  if (error.code == Code::too_large) return FileRefusal::too_large;
  if (error.code == Code::locked) return FileRefusal::busy;
  if (error.code == Code::limit) return FileRefusal::no_space;
  return FileRefusal::storage;
}

/// One stream, from its first byte to its last.
class FileTransfer {
 public:
  FileTransfer(const Host& host, const FileServerRules& rules, Stream stream)
      : host_(host), rules_(rules), stream_(FileStream::attach(std::move(stream))) {}

  /// On the transfer's own thread.
  FileEvent run() {
    auto received = receive();
    if (received) return *std::move(received);
    // No stream outlives its place. Where a refusal was said, the sender has had time to hear it.
    stream_->cancel();
    return FileFailed{stream_->peer(), name_, std::move(received).error()};
  }
  void cancel() { stream_->cancel(); }
  const std::string& peer() const { return stream_->peer(); }
  std::optional<FileProgress> progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

 private:
  Result<FileReceived> receive();
  Result<codec::FileOffer> read_offer();
  Result<void> read_content(IncomingFile& file);
  std::unexpected<Error> refuse(FileRefusal refusal, Error error, bool is_verdict = false);
  void show(const codec::FileOffer& offer, std::uint64_t offset, std::uint64_t done);

  const Host& host_;
  const FileServerRules& rules_;
  const std::shared_ptr<FileStream> stream_;
  std::string name_;
  Bytes bytes_;  // arrived and not used yet
  FileClock::time_point began_;
  mutable std::mutex mutex_;
  std::optional<FileProgress> progress_;  // once there is an answer
};

std::unexpected<Error> FileTransfer::refuse(FileRefusal refusal, Error error, bool is_verdict) {
  // Whether it is heard or not, the error is this one.
  (void)stream_->say(is_verdict ? codec::encode_file_verdict({refusal, {}})
                                : codec::encode_file_answer({refusal, 0}));
  stream_->finish();
  (void)stream_->wait_end(rules_.goodbye_timeout);  // whoever called it resets the stream
  return fail(std::move(error));
}

Result<codec::FileOffer> FileTransfer::read_offer() {
  const auto until = FileClock::now() + offer_timeout;
  while (true) {
    auto peeked = codec::peek_file_offer(bytes_);
    if (!peeked) {
      const Error& error = peeked.error();
      return refuse(refusal_of_offer(error), error);
    }
    if (*peeked) {
      auto& [offer, size] = **peeked;
      // What is behind it was sent without waiting for the answer.
      if (size < bytes_.size()) return fail(Code::protocol, "content before it was asked for");
      stream_->consume(size);
      bytes_.clear();
      return std::move(offer);
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - FileClock::now());
    TRY_VOID(stream_->wait_bytes(bytes_, std::max(left, std::chrono::milliseconds(0))));
  }
}

Result<FileReceived> FileTransfer::receive() {
  const auto offer = TRY(read_offer());
  name_ = safe_file_name(offer.name);
  auto file = IncomingFile::open(rules_.files, offer, [this] { return stream_->is_canceled(); });
  if (!file) return refuse(refusal_of_disk(file.error()), file.error());
  const std::uint64_t offset = file->received();
  began_ = FileClock::now();
  show(offer, offset, offset);
  TRY_VOID(stream_->say(codec::encode_file_answer({std::nullopt, offset})));
  while (!file->is_whole()) {
    TRY_VOID(read_content(*file));
    show(offer, offset, file->received());
  }
  auto path = file->finish();
  if (!path) {
    const bool is_wrong = path.error().code == Code::malformed;
    return refuse(is_wrong ? FileRefusal::wrong_hash : refusal_of_disk(path.error()), path.error(),
                  /*is_verdict=*/true);
  }
  const double seconds = file_seconds_since(began_);
  std::string transport = transport_name(host_, stream_->peer());
  (void)stream_->say(codec::encode_file_verdict({std::nullopt, offer.sha256}));  // it is here
  stream_->finish();
  // Its end says that it has heard; without one the stream is not to outlive its place.
  if (!stream_->wait_end(rules_.goodbye_timeout)) stream_->cancel();
  return FileReceived{stream_->peer(), name_,  *std::move(path), std::move(transport),
                      offer.size,      offset, offer.sha256,     seconds};
}

Result<void> FileTransfer::read_content(IncomingFile& file) {
  bytes_.clear();
  TRY_VOID(stream_->wait_bytes(bytes_, stall_timeout));
  if (const auto written = file.write(bytes_); !written) {
    if (written.error().code == Code::protocol) return fail(written.error());
    return refuse(refusal_of_disk(written.error()), written.error(), /*is_verdict=*/true);
  }
  stream_->consume(bytes_.size());
  return {};
}

void FileTransfer::show(const codec::FileOffer& offer, std::uint64_t offset, std::uint64_t done) {
  const std::lock_guard lock(mutex_);
  progress_ = {offer.size, offset, done, file_seconds_since(began_)};
}

/// A stream that gets a refusal and no thread. Made on the host's thread, which does not wait: a
/// new stream may have no room yet.
class FileRefused {
 public:
  static std::shared_ptr<FileRefused> say(Stream stream, FileRefusal why,
                                          FileClock::time_point until) {
    std::shared_ptr<FileRefused> self(new FileRefused(std::move(stream), until));
    const auto answer = [self, bytes = codec::encode_file_answer({why, 0})] {
      if (self->stream_.write(bytes)) self->stream_.finish();
    };
    // What comes is not read, and not consumed: the peer has its first window and no more.
    self->stream_.set_manual_consume(true);
    self->stream_.on_data([](std::span<const std::uint8_t>) {});
    self->stream_.on_room([answer](std::size_t) { answer(); });
    answer();
    self->stream_.on_close([self](const std::optional<Error>&) { self->is_gone_ = true; });
    return self;
  }
  bool is_gone() const { return is_gone_; }
  FileClock::time_point until() const { return until_; }
  void reset() { stream_.reset(); }

 private:
  FileRefused(Stream stream, FileClock::time_point until)
      : stream_(std::move(stream)), until_(until) {}

  Stream stream_;
  const FileClock::time_point until_;
  std::atomic<bool> is_gone_ = false;
};

}  // namespace

std::string transport_name(const Host& host, const std::string& peer) {
  const auto details = host.details(peer);
  return details ? details->transport : std::string();
}

struct FileServer::Shared {
  Shared(const Host& h, FileServerRules r) : host(h), rules(std::move(r)) {}

  struct Running {
    std::shared_ptr<FileTransfer> transfer;
    std::thread thread;
    bool is_done = false;
  };

  const Host& host;
  const FileServerRules rules;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Running>> running;       // at most transfers_max
  std::vector<std::shared_ptr<FileRefused>> refused;  // at most file_refused_max, oldest first
  // Bounded by whoever waits: what it does not take holds its place; and by file_refused_max.
  std::vector<FileEvent> events;
  bool is_stopped = false;

  static void on_stream(const std::shared_ptr<Shared>& self, Stream stream);
  // REQUIRES: the lock.
  std::optional<FileRefusal> why_refused(const std::string& peer) const;
  void refuse(Stream stream, FileRefusal why);
  void end_refused();
  void on_done(const std::shared_ptr<Running>& one, FileEvent event);
};

void FileServer::Shared::on_stream(const std::shared_ptr<Shared>& self, Stream stream) {
  const std::lock_guard lock(self->mutex);
  if (self->is_stopped) return stream.reset();
  if (const auto why = self->why_refused(stream.peer())) {
    return self->refuse(std::move(stream), *why);
  }
  auto one = std::make_shared<Running>();
  one->transfer = std::make_shared<FileTransfer>(self->host, self->rules, std::move(stream));
  self->running.push_back(one);
  // Joined by wait() or stop(): both are done with before `self` is.
  one->thread = std::thread(
      [self = self.get(), one, transfer = one->transfer] { self->on_done(one, transfer->run()); });
}

/// Before anything is read: a peer that is not wanted takes no place.
std::optional<FileRefusal> FileServer::Shared::why_refused(const std::string& peer) const {
  if (!rules.from.empty() && std::ranges::find(rules.from, peer) == rules.from.end()) {
    return FileRefusal::not_wanted;
  }
  const auto of_peer = std::ranges::count_if(
      running, [&](const auto& one) { return !one->is_done && one->transfer->peer() == peer; });
  const bool is_busy = running.size() >= rules.transfers_max ||
                       static_cast<std::size_t>(of_peer) >= rules.transfers_of_peer_max;
  return is_busy ? std::optional(FileRefusal::busy) : std::nullopt;
}

void FileServer::Shared::refuse(Stream stream, FileRefusal why) {
  if (why == FileRefusal::not_wanted && events.size() < file_refused_max) {
    const std::string& peer = stream.peer();
    events.push_back(
        FileFailed{peer, {}, {Code::refused, base::format("{} is not among --from", peer)}});
    changed.notify_all();
  }
  end_refused();
  if (refused.size() >= file_refused_max) return stream.reset();
  refused.push_back(
      FileRefused::say(std::move(stream), why, FileClock::now() + rules.goodbye_timeout));
}

/// Resets those that had their time, and forgets those that are gone.
void FileServer::Shared::end_refused() {
  const auto now = FileClock::now();
  std::erase_if(refused, [now](const auto& one) {
    const bool is_late = !one->is_gone() && now >= one->until();
    if (is_late) one->reset();
    return is_late || one->is_gone();
  });
}

void FileServer::Shared::on_done(const std::shared_ptr<Running>& one, FileEvent event) {
  {
    const std::lock_guard lock(mutex);
    one->is_done = true;
    events.push_back(std::move(event));
  }
  changed.notify_all();
}

Result<std::unique_ptr<FileServer>> FileServer::start(Host& host, FileServerRules rules) {
  auto shared = std::make_shared<Shared>(host, std::move(rules));
  TRY_VOID(host.handle(std::string(codec::file_protocol),
                       [shared](Stream stream) { Shared::on_stream(shared, std::move(stream)); }));
  return std::unique_ptr<FileServer>(new FileServer(std::move(shared)));
}

FileServer::~FileServer() { stop(); }

std::vector<FileEvent> FileServer::wait(std::chrono::milliseconds timeout) {
  std::vector<FileEvent> events;
  std::vector<std::shared_ptr<Shared::Running>> done;
  {
    const auto until = FileClock::now() + timeout;
    std::unique_lock lock(shared_->mutex);
    while (true) {
      shared_->end_refused();
      const auto now = FileClock::now();
      if (!shared_->events.empty() || now >= until) break;
      shared_->changed.wait_until(lock, std::min(until, now + refused_look_interval));
    }
    events.swap(shared_->events);
    for (auto& one : shared_->running) {
      if (one->is_done) done.push_back(one);
    }
    std::erase_if(shared_->running, [](const auto& one) { return one->is_done; });
  }
  for (const auto& one : done) one->thread.join();
  return events;
}

std::optional<FileProgress> FileServer::progress() const {
  const std::lock_guard lock(shared_->mutex);
  for (const auto& one : shared_->running) {
    auto progress = one->transfer->progress();
    if (progress && !one->is_done) return progress;
  }
  return std::nullopt;
}

void FileServer::stop() {
  std::deque<std::shared_ptr<Shared::Running>> all;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_stopped = true;
    all.swap(shared_->running);
    for (const auto& one : shared_->refused) one->reset();
    shared_->refused.clear();
  }
  for (const auto& one : all) one->transfer->cancel();
  for (const auto& one : all) one->thread.join();
}

}  // namespace kith::app

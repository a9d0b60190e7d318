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
/// How long a sender may take to hear the verdict, or a refusal.
constexpr auto verdict_timeout = std::chrono::seconds(5);

double file_seconds_since(FileClock::time_point begin) {
  return std::chrono::duration<double>(FileClock::now() - begin).count();
}

FileRefusal refusal_of_offer(const Error& error) {
  return error.code == Code::malformed || error.code == Code::too_large ? FileRefusal::bad_name
                                                                        : FileRefusal::unsupported;
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
    stream_->cancel();  // where a refusal was said, the sender has had time to hear it
    return FileFailed{stream_->peer(), name_, std::move(received).error()};
  }
  void cancel() { stream_->cancel(); }
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
  stream_->wait_end(verdict_timeout);
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
  if (!rules_.from.empty() &&
      std::ranges::find(rules_.from, stream_->peer()) == rules_.from.end()) {
    return refuse(FileRefusal::not_wanted,
                  {Code::refused, base::format("{} is not among --from", stream_->peer())});
  }
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
  stream_->wait_end(verdict_timeout);  // its end says that it has heard
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

/// On the host's thread, which does not wait: a new stream may have no room yet.
void say_busy(Stream stream) {
  const auto say = [](Stream to) {
    if (to.write(codec::encode_file_answer({FileRefusal::busy, 0}))) to.finish();
  };
  stream.on_room([stream, say](std::size_t) { say(stream); });
  say(stream);
}

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
  std::deque<std::shared_ptr<Running>> running;  // at most transfers_max
  std::vector<FileEvent> events;  // bounded by whoever waits: what it does not take holds its place
  bool is_stopped = false;

  static void on_stream(const std::shared_ptr<Shared>& self, Stream stream);
  void on_done(const std::shared_ptr<Running>& one, FileEvent event);
};

void FileServer::Shared::on_stream(const std::shared_ptr<Shared>& self, Stream stream) {
  const std::lock_guard lock(self->mutex);
  if (self->is_stopped || self->running.size() >= self->rules.transfers_max) {
    return say_busy(std::move(stream));
  }
  auto one = std::make_shared<Running>();
  one->transfer = std::make_shared<FileTransfer>(self->host, self->rules, std::move(stream));
  self->running.push_back(one);
  // Joined by wait() or stop(): both are done with before `self` is.
  one->thread = std::thread(
      [self = self.get(), one, transfer = one->transfer] { self->on_done(one, transfer->run()); });
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
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, timeout, [this] { return !shared_->events.empty(); });
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
  }
  for (const auto& one : all) one->transfer->cancel();
  for (const auto& one : all) one->thread.join();
}

}  // namespace kith::app

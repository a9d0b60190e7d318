#include "app/file_client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "app/file_stream.h"
#include "base/format.h"
#include "rt/os.h"

namespace kith::app {
namespace {

using FileClock = std::chrono::steady_clock;
using codec::FileRefusal;

/// A stream takes 256 KiB at once: two pieces keep it busy while the next is read.
constexpr std::size_t send_piece_bytes = 128 * 1024;
constexpr auto send_connect_timeout = std::chrono::seconds(30);
constexpr auto send_goodbye_timeout = std::chrono::seconds(2);
constexpr auto send_stop_interval = std::chrono::milliseconds(100);
constexpr auto send_progress_interval = std::chrono::seconds(1);
/// A home's peers are read a moment after the host is there: so long a peer without an address is
/// asked for again.
constexpr auto known_patience = std::chrono::milliseconds(500);
constexpr auto known_pause = std::chrono::milliseconds(50);

Error send_error_of(FileRefusal refusal) {
  Code code = Code::refused;
  if (refusal == FileRefusal::too_large) code = Code::too_large;
  if (refusal == FileRefusal::busy || refusal == FileRefusal::no_space) code = Code::limit;
  return {code, std::string(codec::words_of(refusal))};
}

/// Cancels a stream once it is asked to: whoever waits there need not ask by itself.
class SendStopWatch {
 public:
  SendStopWatch(std::shared_ptr<FileStream> stream, const std::function<bool()>& is_stopped)
      : thread_([this, stream, is_stopped] {
          std::unique_lock lock(mutex_);
          while (!over_.wait_for(lock, send_stop_interval, [this] { return is_over_; })) {
            if (is_stopped()) return stream->cancel();
          }
        }) {}
  SendStopWatch(const SendStopWatch&) = delete;
  SendStopWatch& operator=(const SendStopWatch&) = delete;
  ~SendStopWatch() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;  // last: it reads what is above
};

class FileSender {
 public:
  FileSender(Host& host, const std::string& target, const FileSendOptions& options)
      : host_(host), target_(target), options_(options) {}
  Result<FileSent> run();

 private:
  Result<void> open_file();
  Result<void> connect();
  Result<std::string> connect_once(FileClock::time_point until);
  Result<void> hash_file();
  Result<std::shared_ptr<FileStream>> open_stream();
  Result<std::size_t> read_at(std::uint64_t offset, Bytes& piece) const;
  Result<void> send_content(FileStream& stream, std::uint64_t offset);
  void show(std::string_view what, std::uint64_t offset, std::uint64_t done);
  /// The next thing that the peer says; `peek` finds it in what came.
  template <class T, class Peek>
  Result<T> listen(FileStream& stream, Peek peek);

  Host& host_;
  const std::string& target_;
  const FileSendOptions& options_;
  rt::Fd file_;
  codec::FileOffer offer_;
  std::string peer_;
  Bytes heard_;
  FileClock::time_point began_ = FileClock::now();
  FileClock::time_point shown_ = FileClock::now();
};

Result<void> FileSender::open_file() {
  TRY_VOID(codec::check_file_name(options_.name));
  offer_.name = options_.name;
  file_ = rt::Fd(::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file_) return fail(rt::os_error(errno, "cannot open " + options_.path));
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) {
    return fail(rt::os_error(errno, "cannot read " + options_.path));
  }
  if (!S_ISREG(info.st_mode)) return fail(Code::usage, options_.path + " is not a regular file");
  offer_.size = static_cast<std::uint64_t>(info.st_size);
  return {};
}

/// Before the file is hashed, which takes long: a target that is wrong is known at once.
Result<void> FileSender::connect() {
  const auto began = FileClock::now();
  const auto until = began + send_connect_timeout;
  const bool is_id = !target_.starts_with('/');
  auto peer = connect_once(until);
  // A dial that fails takes longer than to find no address, or fails otherwise: once is enough.
  while (is_id && !peer && peer.error().code == Code::unreachable &&
         FileClock::now() < began + known_patience) {
    std::this_thread::sleep_for(known_pause);
    peer = connect_once(until);
  }
  peer_ = TRY(std::move(peer));
  return {};
}

/// As Host::connect_wait(), but whoever waits may be stopped.
Result<std::string> FileSender::connect_once(FileClock::time_point until) {
  // Outlives this call, as the host may answer later.
  auto answer = std::make_shared<std::promise<Result<std::string>>>();
  auto future = answer->get_future();
  host_.connect(target_,
                [answer](Result<std::string> peer) { answer->set_value(std::move(peer)); });
  while (true) {
    if (options_.is_stopped()) return fail(Code::canceled, "interrupted");
    if (future.wait_for(send_stop_interval) == std::future_status::ready) return future.get();
    if (FileClock::now() >= until) {
      return fail(Code::timeout,
                  base::format("no connection within {} s", send_connect_timeout.count()));
    }
  }
}

Result<void> FileSender::hash_file() {
  crypto::Sha256 hash;
  Bytes piece(send_piece_bytes);
  began_ = FileClock::now();
  for (std::uint64_t at = 0; at < offer_.size;) {
    if (options_.is_stopped()) return fail(Code::canceled, "interrupted");
    piece.resize(send_piece_bytes);
    at += TRY(read_at(at, piece));
    hash.update(piece);
    show("hashing", 0, at);
  }
  offer_.sha256 = hash.digest();
  return {};
}

/// As much as there is room for in `piece`, which is cut to it. A file that has become shorter is
/// another one than was offered.
Result<std::size_t> FileSender::read_at(std::uint64_t offset, Bytes& piece) const {
  const auto want =
      static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), offer_.size - offset));
  ssize_t count = 0;
  do {
    count = ::pread(file_.get(), piece.data(), want, static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  if (count < 0) return fail(rt::os_error(errno, "cannot read " + options_.path));
  if (count == 0) {
    return fail(Code::io, base::format("{} has become shorter: {} bytes of {}", options_.path,
                                       offset, offer_.size));
  }
  piece.resize(static_cast<std::size_t>(count));
  return piece.size();
}

Result<std::shared_ptr<FileStream>> FileSender::open_stream() {
  // The connection may have ended while the file was hashed.
  const auto peers = host_.peers();
  if (std::ranges::find(peers, peer_) == peers.end()) TRY_VOID(connect());
  std::promise<Result<std::shared_ptr<FileStream>>> opened;
  host_.open(peer_, std::string(codec::file_protocol), [&opened](Result<Stream> stream) {
    if (stream) {
      opened.set_value(FileStream::attach(std::move(*stream)));
    } else {
      opened.set_value(fail(std::move(stream).error()));
    }
  });
  return opened.get_future().get();
}

template <class T, class Peek>
Result<T> FileSender::listen(FileStream& stream, Peek peek) {
  while (true) {
    auto part = TRY(peek(heard_));
    if (part) {
      stream.consume(part->size);
      heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(part->size));
      return std::move(part->value);
    }
    TRY_VOID(stream.wait_bytes(heard_, std::chrono::hours(24)));
  }
}

Result<void> FileSender::send_content(FileStream& stream, std::uint64_t offset) {
  for (std::uint64_t at = offset; at < offer_.size;) {
    auto piece = std::make_shared<Bytes>(send_piece_bytes);
    at += TRY(read_at(at, *piece));
    if (const auto written = stream.write(std::move(piece)); !written) {
      if (written.error().code == Code::exists) return {};  // a verdict before the end
      return written;
    }
    show("sending", offset, at);
  }
  return {};
}

void FileSender::show(std::string_view what, std::uint64_t offset, std::uint64_t done) {
  const auto now = FileClock::now();
  if (now - shown_ < send_progress_interval) return;
  shown_ = now;
  options_.on_progress(
      what, {offer_.size, offset, done, std::chrono::duration<double>(now - began_).count()});
}

Result<FileSent> FileSender::run() {
  TRY_VOID(open_file());
  TRY_VOID(connect());
  TRY_VOID(hash_file());
  const auto stream = TRY(open_stream());
  const SendStopWatch watch(stream, options_.is_stopped);
  TRY_VOID(stream->say(codec::encode_file_offer(offer_)));
  const auto answer = TRY(listen<codec::FileAnswer>(*stream, codec::peek_file_answer));
  if (answer.refusal) {
    stream->finish();
    return fail(send_error_of(*answer.refusal));
  }
  if (answer.offset > offer_.size) {
    return fail(Code::protocol, base::format("{} asks for bytes from {} on, of {}", peer_,
                                             answer.offset, offer_.size));
  }
  began_ = FileClock::now();
  TRY_VOID(send_content(*stream, answer.offset));
  const auto verdict = TRY(listen<codec::FileVerdict>(*stream, codec::peek_file_verdict));
  FileSent sent{peer_,
                offer_.name,
                transport_name(host_, peer_),
                offer_.size,
                answer.offset,
                offer_.sha256,
                std::chrono::duration<double>(FileClock::now() - began_).count()};
  stream->finish();  // which tells the peer that its verdict was heard
  if (verdict.refusal) return fail(send_error_of(*verdict.refusal));
  if (verdict.sha256 != offer_.sha256) {
    return fail(Code::protocol, base::format("{} says that it has a file with the SHA-256 {}",
                                             peer_, base::to_hex(verdict.sha256)));
  }
  stream->wait_end(send_goodbye_timeout);
  return sent;
}

}  // namespace

std::string base_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

Result<FileSent> send_file(Host& host, const std::string& target, const FileSendOptions& options) {
  return FileSender(host, target, options).run();
}

}  // namespace kith::app

// A stream as a thread of its own sees it: it waits for what comes, takes it in one piece and says
// when it has done with it. The stream's callbacks only put bytes down and wake.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include <kith/host.h>

#include "base/bytes.h"

namespace kith::app {

class FileStream : public std::enable_shared_from_this<FileStream> {
 public:
  /// Sets the stream's callbacks, which keep it alive until the stream is gone.
  static std::shared_ptr<FileStream> attach(Stream stream);

  /// Waits until bytes are there; they are put behind `to`. `timeout`, `canceled`, or why the
  /// stream ended: `closed` where the peer just finished.
  Result<void> wait_bytes(Bytes& to, std::chrono::milliseconds timeout);
  /// Whether bytes wait, or the peer has ended.
  bool has_news() const;
  /// The peer may send so many more.
  void consume(std::size_t bytes) { stream_.consume(bytes); }
  /// Waits for room. `closed` or `canceled`; `exists` when bytes came, which say that there is no
  /// point in going on.
  Result<void> write(std::shared_ptr<const Bytes> bytes);
  /// The same whatever came, for what is small, with an end to the patience: `timeout`. A stream
  /// may have no room yet when it is new.
  Result<void> say(Bytes bytes);
  void finish() { stream_.finish(); }
  /// Waits until the peer has finished or the stream is gone: false when neither came in time.
  bool wait_end(std::chrono::milliseconds timeout);
  /// Whoever waits, now or later, gets `canceled`; the stream is reset. Any thread.
  void cancel();
  bool is_canceled() const;

  const std::string& peer() const { return stream_.peer(); }

 private:
  explicit FileStream(Stream stream) : stream_(std::move(stream)) {}
  Error end_error() const;  // REQUIRES: the lock
  Result<void> write_until(std::shared_ptr<const Bytes> bytes, bool ends_at_news,
                           std::chrono::milliseconds timeout);

  Stream stream_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Bytes arrived_;  // not consumed: bounded by the stream's window
  bool has_ended_ = false;
  bool is_gone_ = false;
  bool is_canceled_ = false;
  bool has_room_ = false;
  std::optional<Error> close_error_;
};

}  // namespace kith::app

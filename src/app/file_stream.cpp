#include "app/file_stream.h"

#include "base/format.h"

namespace kith::app {
namespace {

constexpr auto say_timeout = std::chrono::seconds(30);

}  // namespace

std::shared_ptr<FileStream> FileStream::attach(Stream stream) {
  std::shared_ptr<FileStream> self(new FileStream(std::move(stream)));
  // Each callback: change something under the lock, then wake.
  const auto told = [self](auto change) {
    {
      const std::lock_guard lock(self->mutex_);
      change(*self);
    }
    self->changed_.notify_all();
  };
  self->stream_.set_manual_consume(true);
  self->stream_.on_room([told](std::size_t) { told([](FileStream& s) { s.has_room_ = true; }); });
  self->stream_.on_data([told](std::span<const std::uint8_t> data) {
    told([data](FileStream& s) { base::append(s.arrived_, data); });
  });
  self->stream_.on_end([told] { told([](FileStream& s) { s.has_ended_ = true; }); });
  self->stream_.on_close([told](std::optional<Error> error) {
    told([&error](FileStream& s) {
      s.is_gone_ = true;
      s.close_error_ = std::move(error);
    });
  });
  return self;
}

Error FileStream::end_error() const {
  if (is_canceled_) return {Code::canceled, "interrupted"};
  if (close_error_) return *close_error_;
  return {Code::closed, "the peer ended the stream"};
}

Result<void> FileStream::wait_bytes(Bytes& to, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const bool is_told = changed_.wait_for(lock, timeout, [this] {
    return !arrived_.empty() || has_ended_ || is_gone_ || is_canceled_;
  });
  if (!is_told) {
    return fail(Code::timeout, base::format("nothing came for {} s", timeout.count() / 1000));
  }
  if (is_canceled_ || arrived_.empty()) return fail(end_error());
  if (to.empty()) {
    std::swap(to, arrived_);
  } else {
    base::append(to, arrived_);
    arrived_.clear();
  }
  return {};
}

bool FileStream::has_news() const {
  const std::lock_guard lock(mutex_);
  return !arrived_.empty() || has_ended_ || is_gone_;
}

Result<void> FileStream::write(std::shared_ptr<const Bytes> bytes) {
  return write_until(std::move(bytes), /*ends_at_news=*/true, std::chrono::hours(24));
}

Result<void> FileStream::say(Bytes bytes) {
  return write_until(std::make_shared<const Bytes>(std::move(bytes)), /*ends_at_news=*/false,
                     say_timeout);
}

Result<void> FileStream::write_until(std::shared_ptr<const Bytes> bytes, bool ends_at_news,
                                     std::chrono::milliseconds timeout) {
  const auto has_end = [&] {
    return is_gone_ || is_canceled_ || (ends_at_news && (!arrived_.empty() || has_ended_));
  };
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (is_canceled_ || is_gone_) return fail(end_error());
      if (has_end()) return fail(Code::exists, "the peer has spoken");
      has_room_ = false;  // before the try, so that no news of room is missed
    }
    if (stream_.write(bytes)) return {};
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, timeout, [&] { return has_room_ || has_end(); })) {
      return fail(Code::timeout, "the peer takes no bytes");
    }
  }
}

bool FileStream::wait_end(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout,
                           [this] { return has_ended_ || is_gone_ || is_canceled_; });
}

void FileStream::cancel() {
  {
    const std::lock_guard lock(mutex_);
    is_canceled_ = true;
  }
  changed_.notify_all();
  stream_.reset();
}

bool FileStream::is_canceled() const {
  const std::lock_guard lock(mutex_);
  return is_canceled_;
}

}  // namespace kith::app

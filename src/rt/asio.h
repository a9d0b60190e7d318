// Asio, for the .cpp files of this folder only: no other header that is included from outside
// names it. One io_context runs on one thread, the reactor's; that is why nothing here locks.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

#include "base/time.h"

namespace kith::rt {

namespace asio = boost::asio;

/// A descriptor that is only waited upon; bytes are moved by ::recv and ::send themselves. The
/// concrete executor spares each one a type-erased copy.
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>,
                                         asio::io_context::executor_type>;
using ErrorCode = boost::system::error_code;

/// Instants of this shell are steady_clock's nanoseconds.
inline Instant steady_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}
inline std::chrono::steady_clock::time_point to_steady(Instant at) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(at.time_since_epoch()));
}

}  // namespace kith::rt

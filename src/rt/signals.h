// SIGINT and SIGTERM as turns of the reactor.
#pragma once

#include <functional>
#include <memory>

#include "rt/reactor.h"

namespace kith::rt {

/// While it lives the two signals do not end the process; `on_signal` gets each one's number, on
/// the reactor's thread. One at a time; ends before the reactor.
class SignalWatch {
 public:
  SignalWatch(Reactor& reactor, std::function<void(int)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace kith::rt

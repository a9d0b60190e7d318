#include "rt/signals.h"

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "rt/reactor_impl.h"

namespace kith::rt {

struct SignalWatch::Inside : std::enable_shared_from_this<SignalWatch::Inside> {
  Inside(Reactor& of, std::function<void(int)> call)
      : reactor(of), on_signal(std::move(call)), signals(of.impl().io) {}

  void arm() {
    signals.async_wait([self = shared_from_this()](ErrorCode error, int number) {
      if (error || self->ending) return;
      self->reactor.turn([&] { self->on_signal(number); });
      if (!self->ending) self->arm();
    });
  }

  Reactor& reactor;
  std::function<void(int)> on_signal;
  asio::basic_signal_set<asio::io_context::executor_type> signals;
  bool ending = false;
};

SignalWatch::SignalWatch(Reactor& reactor, std::function<void(int)> on_signal)
    : inside_(std::make_shared<Inside>(reactor, std::move(on_signal))) {
  ErrorCode error;
  inside_->signals.add(SIGINT, error);
  ASSERT(!error);
  inside_->signals.add(SIGTERM, error);
  ASSERT(!error);
  inside_->arm();
}

SignalWatch::~SignalWatch() {
  inside_->ending = true;
  ErrorCode ignored;
  inside_->signals.clear(ignored);
  inside_->signals.cancel(ignored);  // its handler holds `inside_`
}

}  // namespace kith::rt

#include "rt/compute_verify.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/format.h"
#include "rt/compute_checkpoint.h"
#include "rt/compute_kernels.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;
using Clock = std::chrono::steady_clock;

constexpr auto checkpoint_interval = std::chrono::seconds(30);
constexpr auto progress_interval = std::chrono::seconds(1);

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

class Verification {
 public:
  explicit Verification(const VerifyOptions& options) : options_(options) {}

  Result<void> prepare() {
    pieces_ = TRY(plan_range(options_.from, options_.to, options_.is_fast));
    state_ = {options_.from, options_.to, options_.is_fast, std::vector<bool>(pieces_.size()), {}};
    if (options_.checkpoint.empty()) return {};
    auto saved = load_checkpoint(options_.checkpoint);
    if (!saved) {
      if (saved.error().code == Code::not_found) return {};
      return fail(saved.error());
    }
    if (saved->from != options_.from || saved->to != options_.to ||
        saved->is_fast != options_.is_fast || saved->done.size() != pieces_.size()) {
      return fail(Code::usage,
                  base::format("{} is the checkpoint of another range: {} to {}{}",
                               options_.checkpoint, to_decimal(saved->from), to_decimal(saved->to),
                               saved->is_fast ? ", --fast" : ""));
    }
    state_ = *std::move(saved);
    return {};
  }

  Result<VerifyOutcome> run(const std::function<void(const VerifyProgress&)>& on_progress) {
    const KernelKind kind = TRY(choose_kernel(options_.device));
    const unsigned threads =
        options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
    const U128 before = state_.result.count;
    const auto began = Clock::now();
    const std::clock_t cpu_began = std::clock();
    {
      std::vector<std::jthread> workers;
      working_ = threads;
      for (unsigned i = 0; i < threads; ++i) workers.emplace_back([this, kind] { work(kind); });
      watch(before, began, on_progress);
    }
    if (fault_) return fail(*fault_);
    TRY_VOID(save());
    VerifyOutcome outcome;
    outcome.result = state_.result;
    outcome.is_complete = state_.result.count == options_.to - options_.from + 1;
    outcome.wall_s = seconds_since(began);
    outcome.cpu_s = static_cast<double>(std::clock() - cpu_began) / CLOCKS_PER_SEC;
    outcome.rate_per_s =
        static_cast<double>(state_.result.count - before) / std::max(outcome.wall_s, 1e-6);
    outcome.device =
        base::format("cpu/{}", options_.is_fast ? name_of(kind) : std::string_view("exact"));
    return outcome;
  }

 private:
  void work(KernelKind kind) {
    PieceRunner runner(make_kernel(kind));
    while (const Piece* piece = take()) {
      const auto result = runner.run(*piece, walker_, options_.is_stopped);
      const std::scoped_lock lock(mutex_);
      if (result) {
        state_.done[static_cast<std::size_t>(piece - pieces_.data())] = true;
        add_to(state_.result, *result);
        if (result->counterexample) is_ending_ = true;
      } else {
        is_ending_ = true;
        if (result.error().code != Code::canceled) fault_ = result.error();
      }
    }
    const std::scoped_lock lock(mutex_);
    --working_;
    changed_.notify_all();
  }

  /// The next piece that is not done; null when there is none, or no more is to be done.
  const Piece* take() {
    const std::scoped_lock lock(mutex_);
    if (is_ending_ || options_.is_stopped()) return nullptr;
    while (next_ < pieces_.size() && state_.done[next_]) ++next_;
    return next_ < pieces_.size() ? &pieces_[next_++] : nullptr;
  }

  void watch(U128 before, Clock::time_point began,
             const std::function<void(const VerifyProgress&)>& on_progress) {
    auto saved_at = began;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, progress_interval, [this] { return working_ == 0; })) {
      const VerifyProgress progress{
          state_.result.count, options_.to - options_.from + 1,
          static_cast<double>(state_.result.count - before) / seconds_since(began)};
      const bool is_due = Clock::now() - saved_at >= checkpoint_interval;
      const ComputeCheckpoint copy = is_due ? state_ : ComputeCheckpoint();
      lock.unlock();
      on_progress(progress);
      if (is_due) {
        saved_at = Clock::now();
        const auto done = save(copy);
        if (!done) note_fault(done.error());
      }
      lock.lock();
    }
  }

  void note_fault(const Error& error) {
    const std::scoped_lock lock(mutex_);
    fault_ = error;
    is_ending_ = true;
  }

  Result<void> save() const { return save(state_); }
  Result<void> save(const ComputeCheckpoint& state) const {
    if (options_.checkpoint.empty()) return {};
    return save_checkpoint(options_.checkpoint, state);
  }

  const VerifyOptions& options_;
  std::vector<Piece> pieces_;
  const ExactWalker walker_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex.
  ComputeCheckpoint state_;
  std::size_t next_ = 0;
  unsigned working_ = 0;
  bool is_ending_ = false;
  std::optional<Error> fault_;
};

}  // namespace

Result<VerifyOutcome> verify_range(const VerifyOptions& options,
                                   const std::function<void(const VerifyProgress&)>& on_progress) {
  // The range first: the tables of exact mode take a second.
  TRY(plan_range(options.from, options.to, options.is_fast));
  Verification verification(options);
  TRY_VOID(verification.prepare());
  return verification.run(on_progress);
}

}  // namespace kith::rt

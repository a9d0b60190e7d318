#include "rt/compute_verify.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "base/format.h"
#include "rt/compute_checkpoint.h"
#include "rt/compute_kernels.h"
#include "rt/compute_pace.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;
using Clock = std::chrono::steady_clock;

constexpr auto checkpoint_interval = std::chrono::seconds(30);
constexpr auto progress_interval = std::chrono::seconds(1);
/// Minutes of a processor; below that, looking for GPUs may take longer than the work.
constexpr U128 large_range = U128{1} << 42;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

class Verification {
 public:
  explicit Verification(const VerifyOptions& options)
      : options_(options), pace_(options.is_stopped) {}

  Result<void> prepare() {
    pieces_ = TRY(plan_range(options_.from, options_.to, options_.is_fast));
    state_ = {options_.from, options_.to, options_.is_fast, std::vector<bool>(pieces_.size()), {}};
    if (options_.checkpoint.empty()) return {};
    auto saved = load_checkpoint(options_.checkpoint);
    if (!saved) {
      if (saved.error().code == Code::not_found) return {};
      return fail(saved.error().code, options_.checkpoint + ": " + saved.error().message);
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
    ComputeTeam team = TRY(gather());
    processor_ = team.processor;
    has_gpus_ = std::ranges::any_of(team.workers, &ComputeWorker::is_gpu);
    walker_.emplace();
    const U128 before = state_.result.count;
    began_ = Clock::now();
    const std::clock_t cpu_began = std::clock();
    look_at_rules();
    {
      std::vector<std::jthread> workers;
      {
        const std::scoped_lock lock(mutex_);
        for (ComputeWorker& worker : team.workers) start(workers, std::move(worker));
      }
      watch(before, workers, on_progress);
    }
    const auto saved = save();
    if (fault_) return fail(*fault_);
    TRY_VOID(saved);
    VerifyOutcome outcome;
    outcome.result = state_.result;
    outcome.is_complete = state_.result.count == options_.to - options_.from + 1;
    outcome.wall_s = seconds_since(began_);
    outcome.cpu_s = static_cast<double>(std::clock() - cpu_began) / CLOCKS_PER_SEC;
    outcome.rate_per_s =
        static_cast<double>(state_.result.count - before) / std::max(outcome.wall_s, 1e-6);
    outcome.device = options_.is_fast ? team.name : "cpu/exact";
    outcome.notes = std::move(team.notes);
    outcome.notes.insert(outcome.notes.end(), losses_.begin(), losses_.end());
    return outcome;
  }

 private:
  Result<ComputeTeam> gather() {
    threads_ =
        options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
    const std::string_view device = options_.device;
    if (!options_.is_fast && (device == "cuda" || device == "opencl" || device == "hybrid")) {
      return fail(Code::usage, base::format("exact records are found by the processor: device {} "
                                            "goes with --fast",
                                            device));
    }
    return choose_team({device, threads_,
                        options_.is_fast && options_.to - options_.from >= large_range,
                        [this](const Error& error) { note_loss(error); }, options_.open_gpu,
                        options_.counts_processors});
  }

  /// Under the mutex.
  void start(std::vector<std::jthread>& workers, ComputeWorker worker) {
    ++working_;
    if (!worker.is_gpu) ++processors_;
    workers.emplace_back([this, worker = std::move(worker)]() mutable { work(std::move(worker)); });
  }

  void work(ComputeWorker worker) {
    if (!worker.is_gpu) give_way();
    ComputePace::Ticket ticket(pace_, /*is_external=*/worker.is_gpu);
    PieceRunner runner(std::move(worker.kernel));
    double s_per_number = 0;  // by its last piece
    while (ticket.go_on(0, 1)) {
      const Piece* const piece = take(worker.is_gpu, s_per_number);
      if (piece == nullptr) break;
      const auto piece_began = Clock::now();
      std::uint32_t slices = 0;  // that are done
      bool has_given_up = false;
      const auto result = runner.run(*piece, *walker_, [&] {
        if (!ticket.go_on(0, 1) || is_done(*piece)) return true;
        if (!worker.is_gpu && slices > 0) has_given_up = gives_up(*piece, piece_began, slices);
        ++slices;
        return has_given_up;
      });
      // It stays among those that the processor has, for a GPU to take.
      if (has_given_up) break;
      s_per_number = seconds_since(piece_began) / static_cast<double>(piece->to - piece->from + 1);
      note_piece(*piece, result, worker.is_gpu);
    }
    const std::scoped_lock lock(mutex_);
    --working_;
    if (!worker.is_gpu) --processors_;
    changed_.notify_all();
  }

  /// A thread of the processor: to other programs, and to what feeds a GPU.
  void give_way() const {
    if (options_.is_idle_priority) {
      become_idle();
    } else if (has_gpus_) {
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
    }
  }

  std::size_t index_of(const Piece& piece) const {
    return static_cast<std::size_t>(&piece - pieces_.data());
  }
  bool is_done(const Piece& piece) {
    const std::scoped_lock lock(mutex_);
    return state_.done[index_of(piece)];
  }

  /// A piece counts once, whoever was the first to do it.
  void note_piece(const Piece& piece, const Result<RangeResult>& result, bool is_gpu) {
    const std::scoped_lock lock(mutex_);
    std::erase(by_processor_, &piece);
    if (state_.done[index_of(piece)]) return;
    if (!result) {
      is_ending_ = true;
      if (result.error().code != Code::canceled) fault_ = result.error();
      return;
    }
    state_.done[index_of(piece)] = true;
    add_to(state_.result, *result);
    if (result->counterexample) is_ending_ = true;
    if (is_gpu) numbers_by_gpu_ += static_cast<double>(result->count);
  }

  /// The next piece that is not done; null when there is none, or no more is to be done. In the
  /// end a GPU takes what the processor would still be busy with.
  const Piece* take(bool is_gpu, double s_per_number) {
    const std::scoped_lock lock(mutex_);
    if (is_ending_ || options_.is_stopped()) return nullptr;
    while (next_ < pieces_.size() && state_.done[next_]) ++next_;
    if (next_ == pieces_.size()) {
      if (!is_gpu || by_processor_.empty()) return nullptr;
      const Piece* const taken = by_processor_.back();
      by_processor_.pop_back();
      return taken;
    }
    if (!is_gpu && is_left_to_gpus(s_per_number)) return nullptr;
    const Piece* const piece = &pieces_[next_++];
    if (!is_gpu && piece->unit) by_processor_.push_back(piece);
    return piece;
  }

  /// Until the GPUs will have done all that is left. Endless before the first piece of one.
  double gpu_s_left() const {
    if (numbers_by_gpu_ == 0 || !losses_.empty()) return std::numeric_limits<double>::infinity();
    const auto left = static_cast<double>(options_.to - options_.from + 1 - state_.result.count);
    return left * (seconds_since(began_) / numbers_by_gpu_);
  }

  /// Whether a worker of the processor would be busy with the next piece when all else is done: it
  /// would only keep the others waiting.
  bool is_left_to_gpus(double s_per_number) const {
    const Piece& piece = pieces_[next_];
    return s_per_number * static_cast<double>(piece.to - piece.from + 1) > gpu_s_left();
  }
  /// The same for the piece that it is at.
  bool gives_up(const Piece& piece, Clock::time_point piece_began, std::uint32_t slices) {
    const std::scoped_lock lock(mutex_);
    const double s_per_slice = seconds_since(piece_began) / slices;
    return s_per_slice * (piece.unit->slices() - slices) > gpu_s_left();
  }

  void note_loss(const Error& error) {
    const std::scoped_lock lock(mutex_);
    losses_.push_back(base::format("lost: {}; the processor goes on", error.message));
    changed_.notify_all();
  }

  /// In the place of a lost GPU the whole processor works. Under the mutex.
  void replace_lost(std::vector<std::jthread>& workers) {
    if (losses_.empty() || is_ending_) return;
    while (processors_ < threads_ && working_ > 0 && next_ < pieces_.size()) {
      start(workers, {make_kernel(processor_), false});
    }
  }

  void watch(U128 before, std::vector<std::jthread>& workers,
             const std::function<void(const VerifyProgress&)>& on_progress) {
    auto saved_at = began_;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, progress_interval, [this] { return working_ == 0; })) {
      replace_lost(workers);
      const VerifyProgress progress{
          state_.result.count, options_.to - options_.from + 1,
          static_cast<double>(state_.result.count - before) / seconds_since(began_), pace_.pause()};
      const bool is_due = Clock::now() - saved_at >= checkpoint_interval;
      const ComputeCheckpoint copy = is_due ? state_ : ComputeCheckpoint();
      lock.unlock();
      look_at_rules();
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
    if (!fault_) fault_ = error;
    is_ending_ = true;
    pace_.end();
  }

  void look_at_rules() {
    const compute::WorkRules rules = options_.rules();
    if (pace_.look(rules) != compute::WorkPause::memory) return;
    // Waiting would not give any of it back.
    note_fault({Code::limit, base::format("{} bytes of memory are in use, limit {}",
                                          pace_.readings().memory_bytes.value_or(0),
                                          rules.memory_bytes_max.value_or(0))});
  }

  Result<void> save() const { return save(state_); }
  Result<void> save(const ComputeCheckpoint& state) const {
    if (options_.checkpoint.empty()) return {};
    return save_checkpoint(options_.checkpoint, state);
  }

  const VerifyOptions& options_;
  ComputePace pace_;
  std::vector<Piece> pieces_;
  std::optional<ExactWalker> walker_;
  unsigned threads_ = 1;
  bool has_gpus_ = false;
  KernelKind processor_ = KernelKind::scalar;
  Clock::time_point began_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex.
  ComputeCheckpoint state_;
  std::size_t next_ = 0;
  unsigned working_ = 0;
  unsigned processors_ = 0;  // of these
  double numbers_by_gpu_ = 0;
  std::vector<const Piece*> by_processor_;  // units it is busy with
  std::vector<std::string> losses_;
  bool is_ending_ = false;
  std::optional<Error> fault_;
};

}  // namespace

Result<VerifyOutcome> verify_range(const VerifyOptions& options,
                                   const std::function<void(const VerifyProgress&)>& on_progress) {
  // The range and the checkpoint first: the tables of exact mode take a second.
  TRY(plan_range(options.from, options.to, options.is_fast));
  Verification verification(options);
  TRY_VOID(verification.prepare());
  return verification.run(on_progress);
}

}  // namespace kith::rt

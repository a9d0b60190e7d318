// The worker: what a node does in its worker key's name in computing jobs
// (docs/protocol/compute.md). From each final state it reads what the key has to do, has it
// computed slice by slice, and says in statements what came out: commitments, checks, reveals.
// Duties come before tasks, what is due first before the rest, and tasks of the first pass before
// those of the second. It enrols as many slots as are wanted, leaves when none is, and signs the
// record of what is settled. What it checked it asks to be shown, by its peers, then on the ledger.
//
// In a dispute it opens what it said, as its journal has it; the one unit that it comes down to is
// computed once more, with nothing out of a journal. Is that what it said, it goes on to the single
// slice; else it was wrong, and concedes.
//
// What follows from a result is durable before it is said (worker_memory.h), and what was said once
// is said again as it was, until a final state shows that it has been heard or its round is over.
// A round's statement is said `statement_lead` blocks before its end; a check that cannot wait for
// that, and what is done after it, in a further one.
//
// What a task of ours has found is named before the task is committed to, kept with it, and claimed
// on the ledger once its record is signed (worker_find.cpp).
//
// A machine: no clock, the time is blocks. Limits: 8 jobs, 256 slots each; `in_flight_max` slices;
// statements of `statement_bytes_max`, `statements_max` a round; `disputes_max` looked after.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/queue.h"
#include "codec/chain_compute.h"
#include "codec/worker_peer.h"
#include "crypto/key.h"
#include "ledger/jobs_view.h"
#include "node/worker_board.h"
#include "node/worker_memory.h"

namespace kith::node {

struct WorkerConfig {
  Hash genesis{};
  codec::ComputeParams params;
  /// Of a job's number and parameters; an error when this node cannot compute that kind of work.
  std::function<Result<std::unique_ptr<compute::Workload>>(std::uint8_t, ByteView)> make_workload;
  /// To work for; empty: all that there are.
  std::vector<JobId> jobs;
  std::uint16_t slots = 1;  // wanted in each; 0: leave
  std::size_t in_flight_max = 2;
  /// What the machine computes with, as codec::WorkerEntry has it; 0: it does not matter. That the
  /// account has said something else is told as trouble: who checks whom is drawn by it.
  std::uint8_t device_class = 0;
};

class Worker {
 public:
  static constexpr std::uint64_t statement_lead = 16;  // blocks; half a round at most
  static constexpr std::uint64_t repeat_after = 4;     // blocks without having been heard
  static constexpr std::uint64_t order_wait = 32;      // blocks until an order is given again
  static constexpr int claims_max = 3;                 // of one find that nobody gives a verdict on
  static constexpr std::size_t statement_bytes_max = 8 * 1024;
  static constexpr std::size_t statements_max = 64;
  /// At once, first what is due first. Each takes the slices of one unit, 2 KiB.
  static constexpr std::size_t disputes_max = 256;
  /// What the journal may have beside what it must, before it begins anew.
  static constexpr std::size_t waste_max = 16 * 1024 * 1024;

  /// `key` is the worker's and outlives it; `journal` what KeepRecords kept, in order. What of it
  /// cannot be read is passed over: `is_damaged()` says so.
  Worker(WorkerConfig config, const crypto::KeyPair& key, const std::vector<Bytes>& journal);
  ~Worker();

  /// What a final block has, and the state behind it. Each, in order, even while states are passed
  /// over: of what is missed others have to be asked.
  void on_block(const std::vector<codec::TxPtr>& txs, const ledger::JobLog& happened,
                const ledger::Entries& after);
  /// Each final state, or at least some of them; `time_ms` is its block's.
  void on_final(Height height, std::uint64_t time_ms, const ledger::Entries& entries);
  void on_computed(Token token, Result<compute::SliceResult> result);
  void on_kept(Token token);
  void on_named(Token token, const Result<std::vector<compute::Find>>& finds);
  /// Unit roots of the part that was asked for, and the siblings under U; or why not.
  struct Shown {
    std::vector<Hash> roots;
    std::vector<Hash> siblings;
  };
  void on_shown(const AskShow& asked, const Result<Shown>& shown);
  void on_first(const AskFirst& asked, const Result<codec::FirstPass>& first);
  /// Nothing new is computed; what has been is said all the same.
  void pause(bool is_paused) { is_paused_ = is_paused; }
  /// From the next state on.
  void want_slots(std::uint16_t slots) { config_.slots = slots; }

  std::optional<WorkerOutput> poll_output();

  /// What the checker of a part asks for: once the reveal is in a final state, `refused` before.
  Result<Shown> show(JobId job, codec::TaskIndex task, std::uint8_t pass, std::uint8_t part) const;
  const codec::Record* record(const codec::Cid& cid) const { return memory_.record(cid); }
  /// That this peer answers for it, signed; none while its key is no account's.
  std::optional<codec::WorkerPeer> say_peer(const PeerId& peer) const;
  /// What whoever computes the task again has to show.
  Result<codec::FirstPass> first_pass(JobId job, codec::TaskIndex task);

  struct JobStatus {
    JobId job;
    std::size_t slots = 0;
    std::size_t queued = 0, pending = 0, maturing = 0, duties = 0;
    std::string trouble;  // why it does not work, or work as wanted; empty: it does
  };
  const ChainKey& key() const { return self_; }
  bool is_paused() const { return is_paused_; }
  bool is_damaged() const { return is_damaged_; }
  std::uint16_t slots_wanted() const { return config_.slots; }
  const std::vector<JobId>& jobs_wanted() const { return config_.jobs; }  // empty: all
  std::vector<JobStatus> jobs() const;
  std::size_t in_flight() const { return board_.in_flight(); }
  WorkBoard::Load load() const { return board_.load(); }
  const WorkerStats& stats() const { return stats_; }

 private:
  struct Job;
  /// One statement of a round, as it was said or is about to be.
  struct Said {
    codec::JobStatement statement;
    Token kept;           // durable from the answer to this on; 0: it is
    Height at;            // said last; 0: never
    bool is_old = false;  // of an earlier life
  };

  bool is_chosen(JobId job) const;
  void look_at_job(JobId id);
  void look_at_slots(JobId id, Job& job);
  void drop_unsaid(JobId id, const Job& job);
  enum class Urgency;
  struct Due;
  void want_work();
  void want_of(JobId id, const Job& job, const codec::SlotEntry& slot, std::vector<Due>& due) const;
  bool may_begin(JobId id, const codec::SlotHead& slot, const codec::QueuedTask& task) const;
  void finish_work();
  bool is_lost(JobId id, const codec::PendingTask& task) const;
  void keep_whole_tasks(JobId id, const Job& job);
  void keep_task(JobId id, const Job& job, codec::TaskIndex task);
  void keep_checks(JobId id, const Job& job);
  void forget_old();
  void begin_journal_anew();

  // worker_dispute.cpp
  struct Disputed;
  void look_at_disputes();
  void take_up(const ledger::OwedMove& owed);
  std::optional<WantedUnits> wanted_in(std::uint64_t number, const Disputed& dispute) const;
  void finish_disputes();
  std::optional<codec::JobOrder> next_move(std::uint64_t number, const Disputed& dispute) const;
  std::optional<std::vector<Hash>> said_in(const ledger::OwedMove& owed) const;
  void keep_disputed_tasks();

  // worker_say.cpp
  void speak(JobId id, Job& job);
  std::vector<codec::StatementLine> lines_of(JobId id, const Job& job, std::uint64_t round,
                                             Height waits_from, bool is_time) const;
  void add_tasks(JobId id, const Job& job, SlotId number, const codec::SlotEntry& slot,
                 std::uint64_t round, std::vector<codec::StatementLine>& lines) const;
  std::optional<codec::StatementLine> reveal_of(JobId id, const Job& job, SlotId slot,
                                                const codec::PendingTask& task) const;
  void say(JobId id, Job& job, std::uint64_t round, std::vector<codec::StatementLine> lines);
  std::optional<KeptRecord> record_of(JobId id, const Job& job, SlotId slot,
                                      const codec::PendingTask& task) const;
  void repeat(Job& job, std::uint64_t round, const std::vector<codec::StatementLine>& wanted);
  void sign_records(JobId id, const Job& job);

  // worker_first.cpp
  void note_first_passes(const ledger::JobLog& happened, const ledger::Entries& after);
  void look_for_firsts(JobId id, const Job& job);
  void keep_first(JobId id, codec::TaskIndex task, codec::FirstPass first);
  bool is_own_first(const codec::FirstPass& first, const codec::SlotHead& slot) const;

  // worker_show.cpp
  struct Asked;
  void note_settled(const ledger::JobLog& happened);
  void note_checked_again(const std::vector<codec::TxPtr>& txs, const ledger::Entries& after);
  void note_checked(const WorkerMemory::CheckKey& key, const codec::Record& record);
  void ask_shows(JobId id, const Job& job);
  void begin_to_ask(JobId id, const Job& job);
  bool may_file(const KeptCheck& check, const codec::SlotEntry& target) const;
  bool file_unshown(const WorkerMemory::CheckKey& key, const Job& job);
  void note_revealed(JobId id, const Job& job);
  static Result<Shown> shown_of(const KeptTask& task, const codec::JobSpec& spec, const Hash& seed,
                                std::uint16_t checked, std::uint8_t part);

  // worker_find.cpp
  void look_for_finds();
  bool is_ours(JobId job, codec::TaskIndex task) const;
  bool is_naming(JobId job, codec::TaskIndex task) const;
  void claim_finds(JobId id, const Job& job);
  bool is_claimable(const codec::ClaimFind& order, codec::TaskIndex task, std::size_t find) const;

  // worker_order.cpp
  void enrol_or_leave(JobId id, Job& job);
  void note_device(Job& job) const;
  std::uint16_t affordable(const Job& job, std::uint16_t slots, std::string& trouble) const;
  codec::Amount free_bond() const;
  void give(codec::JobOrder order);

  Token keep(std::vector<Kept> kept);
  Height next_height() const { return {height_.value + 1}; }

  WorkerConfig config_;
  const crypto::KeyPair& pair_;
  ChainKey self_{};
  Height height_;
  std::uint64_t time_ms_ = 0;
  ledger::Entries entries_;
  bool is_paused_ = false;
  bool is_damaged_ = false;

  std::map<JobId, Job> jobs_;
  WorkBoard board_;
  WorkerMemory memory_;
  std::size_t appended_ = 0;         // bytes of the journal since it began
  std::size_t anew_at_ = waste_max;  // from so many on it is worth while to look
  std::map<std::uint64_t, Disputed> disputes_;
  /// Finds that are being named, and those of tasks that are not kept yet.
  std::map<Token, NameFinds> naming_;
  std::map<WorkerMemory::TaskKey, KeptFinds> named_;
  struct Claimed {
    Height at;
    int count = 0;
  };
  std::map<WorkerMemory::TaskKey, std::vector<Claimed>> claims_;  // as its finds
  std::map<WorkerMemory::CheckKey, Asked> shows_;
  std::map<WorkerMemory::TaskKey, Height> firsts_asked_;
  Height planted_at_;  // when a peer last made us put a region's list together
  struct Revealed {
    Hash seed{};
    std::uint16_t checked = 0;
    Height until;
  };
  std::map<WorkerMemory::RecordKey, Revealed> revealed_;

  std::uint64_t last_token_ = 0;
  std::uint64_t kept_ = 0;  // tokens up to this one are answered
  base::Queue<WorkerOutput> outputs_;
  WorkerStats stats_;
};

}  // namespace kith::node

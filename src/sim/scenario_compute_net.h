// Slots, owners and liars of the scenario "compute", and the ledger that they work on. Liars:
//
//   lazy          makes up a tenth of the units of each task
//   colluding     after honest tasks one or two false units a task, the best share against the
//                 bound; as checkers they vouch for each other, in the second pass they repeat
//   front_running commits to what others committed to, and says checks when others have told
//   burst         after honest tasks 30 false units in one task of twenty; in league with colluding
//   device        another class than it says, whose fault is the same in all of its kind
//   copying       computes its tasks, and makes up what it says of others'
//   silent        16 false units a task; in league; does not reveal where it sees that it is caught
//   hopping       colluding from its first task on, with credibility from another job
//   hollow        computes what was drawn, after the draw, and nothing else
//
// In disputes, each in one of these ways: it concedes, contests to the end, says nothing, opens
// what was not hashed, or shows a path that does not fit. Verdicts are true: who signs them is not
// here. Who was caught comes back at once, as far as the cap on new slots lets it. Honest ones are
// away for up to 12 rounds, miss rounds, and lose the task that they were at.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "ledger/jobs_move.h"
#include "sim/scenario_compute_results.h"

namespace kith::sim {

enum class ComputeLie : std::uint8_t {
  none,
  lazy,
  colluding,
  front_running,
  burst,
  device,
  copying,
  silent,
  hopping,
  hollow
};
inline constexpr std::size_t compute_lies = 10;
std::string_view name_of(ComputeLie lie);

/// What a liar does when it is disputed.
enum class ComputeContest : std::uint8_t { concede, fight, silence, opening, path };
inline constexpr std::size_t compute_contests = 5;
std::string_view name_of(ComputeContest contest);

struct ComputeSettings {
  std::uint32_t slots = 10'000;
  double cheats = 0.3;
  std::optional<ComputeLie> only;  // all kinds otherwise, each as many slots
  bool has_failures = true;
  std::uint32_t eps_ppm = 250;
  std::uint32_t lies_after = 41;
  std::optional<ComputeContest> contest;  // all kinds otherwise, in turn
};

/// Sums of one pass.
struct PassCount {
  std::uint64_t tasks = 0;
  std::uint64_t wrong_tasks = 0;  // with a wrong unit at least
  std::uint64_t wrong_units = 0;
  std::uint64_t most_wrong = 0;  // units of one task
};

/// What has come of it, from `since` on where it says so.
struct ComputeCount {
  std::array<PassCount, 2> passes{};
  std::array<std::uint64_t, compute_lies> wrong_by{};  // units, first pass
  std::array<std::uint64_t, compute_lies> faults_by{};
  std::uint64_t honest_tasks = 0;  // accepted
  std::uint64_t withdrawn = 0;     // honest tasks that were accepted by nobody
  double capacity = 0;             // units that honest slots could have computed
  double computed = 0;             // of tasks that they committed to
  double redone = 0;               // of these, given back: others compute them once more
  double checked = 0;              // for others
  double lost = 0;                 // by restarts, absence and lateness
  double resting = 0;              // without a lease, since a check of theirs was not said
  double unleased = 0;             // without one for other reasons
  std::uint64_t statements = 0;
  std::uint64_t statement_bytes = 0;
  std::uint64_t disputes = 0;
  std::uint64_t moves = 0;  // that were obeyed, with filing and conceding
  std::uint64_t refused_moves = 0;
  std::uint64_t verdicts = 0;
  std::uint64_t dispute_bytes = 0;  // of all of these
  std::uint64_t blocks = 0;
  double block_s = 0;  // of the processor, in the rules alone
};

class ComputeNet {
 public:
  ComputeNet(const ComputeSettings& settings, std::uint64_t seed);

  void block();
  std::uint64_t rounds() const;
  /// What is counted begins anew, but for what may never happen.
  void start_counting() { count_ = ComputeCount(); }
  const ComputeCount& count() const { return count_; }
  const ComputeCount& ever() const { return ever_; }
  std::uint64_t honest_faults() const { return ever_.faults_by[0]; }
  std::uint64_t honest_slots() const { return honest_slots_; }
  bool is_conserved() const;
  std::uint64_t state_bytes() const;
  std::uint64_t trace_hash() const { return trace_; }
  double bound() const { return settings_.eps_ppm / 1e6; }
  std::uint32_t mature() const;
  std::uint32_t units() const;

 private:
  using Lie = ComputeFalse;
  using TaskKey = std::pair<std::uint64_t, std::uint8_t>;
  struct Slot {
    std::uint32_t key = 0;
    bool is_open = false;
    TaskKey at{};
    double done = 0;  // units of that task
    std::map<TaskKey, Lie> lies;
    std::set<TaskKey> committed;  // of an honest one, neither accepted nor given back
    std::uint32_t tasks = 0;
  };
  struct Key {
    ledger::ChainKey key{};
    ledger::AccountId account{};
    ComputeLie lie = ComputeLie::none;
    ComputeContest contest = ComputeContest::concede;
    std::size_t job = 0;
    std::uint8_t device_class = 1;
    std::uint16_t slots = 1;
    double pace = 1;  // units a block
    std::uint64_t away_until = 0;
    std::vector<ledger::SlotId> open;
    std::uint16_t cohort = 0;
    std::uint16_t missing = 0;  // slots that it wants to have again
  };
  struct Job {
    ledger::JobId id;
    codec::JobSpec spec;
    std::optional<codec::JobEntry> entry;  // as the block before left it
    std::map<ledger::SlotId, Slot> slots;
    std::vector<std::vector<std::uint32_t>> cohorts;           // keys
    std::map<std::uint64_t, codec::Record> records;            // of the first pass, by task
    std::map<std::uint64_t, Lie> wrong;                        // of accepted ones
    std::map<std::uint32_t, std::vector<ledger::Hash>> lists;  // records of regions
  };

  void found_job(std::uint32_t account, std::uint64_t tasks, ledger::Amount price);
  void add_account(const ledger::AccountId& account, ledger::Amount bond);
  void populate();
  void add_key(ComputeLie lie, std::uint16_t slots, std::size_t job, ledger::AccountId account);
  void enrol(std::uint32_t key, std::uint16_t slots);
  void enrol_again();

  // scenario_compute_work.cpp: what a worker does and says.
  bool is_heard(Key& key, double budget);
  std::optional<codec::JobStatement> statement_of(Key& key);
  void speak(Key& key, ledger::SlotId number, double budget, codec::JobStatement& said);
  double do_duties(const Key& key, const codec::SlotEntry& entry, double budget,
                   codec::StatementLine& line);
  /// What is to be computed of the queue: the second pass of its owner's tasks goes to others.
  std::vector<codec::QueuedTask> refuse_own(const Key& key,
                                            const std::vector<codec::QueuedTask>& queue,
                                            ledger::SlotId number, codec::JobStatement& said);
  /// What is left of the budget.
  double do_tasks(const Key& key, Slot& slot, const std::vector<codec::QueuedTask>& queue,
                  std::uint32_t passed, double budget, ledger::SlotId number,
                  codec::JobStatement& said);
  void reveal(const Key& key, Slot& slot, const codec::SlotEntry& entry, ledger::SlotId number,
              codec::JobStatement& said);
  bool would_show(const Job& job, const codec::PendingTask& task, const Lie& lie);
  Lie choose_lie(const Key& key, Slot& slot, const TaskKey& task, std::uint32_t passed);
  std::vector<std::uint16_t> some_units(std::size_t count);
  std::optional<codec::FirstPass> shown(const Job& job, std::uint64_t task) const;
  const Lie* lie_of(const Job& job, ledger::SlotId slot, const TaskKey& task) const;
  Lie fault_of_device(std::uint64_t task) const;
  ledger::Hash part_of(const Job& job, const codec::PendingTask& task, std::uint8_t part,
                       const Lie* lie);
  bool has_false_unit(const Job& job, const codec::PendingTask& task, std::uint8_t part,
                      const Lie& lie) const;

  void take_all();
  void take(const ledger::JobEvent& event);
  void take_accepted(Job& job, const ledger::JobEvent& event);
  void take_given_back(Job& job, const ledger::JobEvent& event);
  void take_closed(Job& job, const ledger::JobEvent& event);

  // scenario_compute_contest.cpp: what both sides do in disputes.
  void note_dispute(const Job& job, const ledger::JobEvent& event);
  void ask_for_parts(const Job& job, const ledger::JobEvent& event);
  void play_disputes();
  /// Whether anybody has done anything; else it is as it is until its time is over.
  bool play(std::uint64_t number, const codec::DisputeEntry& dispute);
  bool move(const Key& key, const ledger::OwedMove& owed);
  codec::JobOrder liars_move(const Key& key, const ledger::OwedMove& owed,
                             const ledger::OwnResults& own);
  /// Whether it was obeyed.
  bool say(const codec::JobOrder& order, const ledger::ChainKey& key);

  ledger::JobEffect obey(const codec::JobOrder& order, const ledger::ChainKey* signer,
                         bool must = true);
  Job& job_of(ledger::JobId id);
  ComputeLie lie_at(const Job& job, ledger::SlotId slot) const;

  ComputeSettings settings_;
  SeededRng rng_;
  ledger::JobRules rules_;
  ledger::Entries entries_;
  ledger::Height height_{1};
  ledger::JobLog log_;
  std::vector<Job> jobs_;
  std::vector<Key> keys_;
  std::map<ledger::ChainKey, std::uint32_t> by_key_;
  std::vector<std::uint32_t> waiting_;  // keys that miss slots
  std::uint64_t honest_slots_ = 0;
  /// What the sides have false of the disputed task; nothing when they have not.
  struct Contest {
    Lie worker;
    Lie other;
    ledger::Height wakes;  // not looked at before
  };
  std::map<std::uint64_t, Contest> contests_;                     // of open disputes
  std::vector<std::pair<std::size_t, codec::FileDispute>> asks_;  // by the key's number
  ledger::Jury jury_{{{}, 1}};
  ComputeResults results_{1'024, 16};
  std::vector<ledger::AccountId> accounts_;
  ledger::Amount money_ = 0;
  std::uint64_t trace_ = 0;
  ComputeCount count_;
  ComputeCount ever_;
};

}  // namespace kith::sim

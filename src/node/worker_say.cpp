// What the worker says: a statement a round of its cohort, and more where something cannot wait.
#include <algorithm>
#include <set>
#include <tuple>

#include "node/worker_job.h"

namespace kith::node {
namespace {

using codec::StatementLine;

/// What a line says, by which two that say the same are known.
using LineKey = std::tuple<int, SlotId, SlotId, std::uint8_t, Hash>;

void add_keys(std::set<LineKey>& keys, const StatementLine& line) {
  if (line.commit) keys.emplace(0, line.slot, SlotId(), 0, *line.commit);
  if (line.reveal) {
    keys.emplace(1, line.slot, SlotId(), line.first ? 1 : 0, line.reveal->root);
  } else if (line.first) {
    keys.emplace(3, line.slot, SlotId(), 0,
                 codec::tagged_hash("kith/said-first/1", {line.first->record}));
  }
  for (const codec::CheckLine& check : line.checks) {
    keys.emplace(2, line.slot, check.target, check.part, check.check);
  }
}

std::set<LineKey> keys_of(const std::vector<StatementLine>& lines) {
  std::set<LineKey> keys;
  for (const StatementLine& line : lines) add_keys(keys, line);
  return keys;
}

bool has_any(const std::set<LineKey>& keys, const std::vector<StatementLine>& lines) {
  return std::ranges::any_of(keys_of(lines),
                             [&](const LineKey& key) { return keys.contains(key); });
}

/// Adds a line that says one thing, to the last one of its slot when that says no such thing yet.
void add_line(std::vector<StatementLine>& lines, const StatementLine& line) {
  StatementLine* last = lines.empty() || lines.back().slot != line.slot ? nullptr : &lines.back();
  // A first pass alone asks for another task: it stands by itself.
  const auto is_alone = [](const StatementLine& one) { return one.first && !one.reveal; };
  const bool has_room = last != nullptr && !is_alone(line) && !is_alone(*last) &&
                        !(line.commit && last->commit) && !(line.reveal && last->reveal) &&
                        last->checks.size() + line.checks.size() <= codec::slot_duties_max;
  if (!has_room) return lines.push_back(line);
  if (line.commit) last->commit = line.commit;
  if (line.reveal) {
    last->reveal = line.reveal;
    last->first = line.first;
  }
  last->checks.insert(last->checks.end(), line.checks.begin(), line.checks.end());
}

}  // namespace

void Worker::speak(JobId id, Job& job) {
  const Height next = next_height();
  const std::uint16_t cohort = job.enrolment ? job.enrolment->cohort : std::uint16_t{0};
  const auto round = ledger::statement_round(job.entry, cohort, next);
  std::erase_if(job.said,
                [&](const Said& said) { return !round || said.statement.round != *round; });
  if (!round || job.slots.empty()) return;
  const std::uint64_t ends = ledger::round_begins(job.entry, cohort, *round + 1).value;
  const std::uint64_t lead =
      std::min<std::uint64_t>(statement_lead, job.entry.spec.round_blocks / 2u);
  const bool is_time = next.value + lead > ends;
  // A check that is due later can wait for the next round's.
  const bool has_said = is_time && !job.said.empty();
  const Height waits_from{has_said ? ends + job.entry.spec.round_blocks : ends};
  std::vector<StatementLine> lines = lines_of(id, job, *round, waits_from, is_time);
  repeat(job, *round, lines);
  std::set<LineKey> told;
  for (const Said& said : job.said) {
    for (const StatementLine& line : said.statement.lines) add_keys(told, line);
  }
  std::erase_if(lines, [&](const StatementLine& line) { return has_any(told, {line}); });
  // That it is there has to be said too.
  const bool is_absent = is_time && job.said.empty() && job.enrolment->seen < *round;
  if (lines.empty() && !is_absent) return;
  say(id, job, *round, std::move(lines));
}

/// One thing a line, by slot: all when it is time and nothing has been said yet, else what cannot
/// wait.
std::vector<StatementLine> Worker::lines_of(JobId id, const Job& job, std::uint64_t round,
                                            Height waits_from, bool is_time) const {
  std::map<SlotId, std::vector<StatementLine>> by_slot;
  for (const auto& [number, slot] : job.slots) {
    if (is_time) add_tasks(id, job, number, slot, round, by_slot[number]);
  }
  for (const ledger::AskedCheck& check : job.checks) {
    if ((!is_time || !job.said.empty()) && check.due >= waits_from) continue;
    const KeptCheck* kept = memory_.check({id, check.target, check.part, check.due});
    if (kept == nullptr) continue;
    const codec::TaskName name{config_.genesis, id, check.task, check.pass};
    StatementLine line{check.slot, {}, {}, {}, {}};
    line.checks.push_back(
        {check.target, check.part,
         codec::check_commitment(name, check.part, self_, part_root_of(kept->roots))});
    by_slot[check.slot].push_back(std::move(line));
  }
  std::vector<StatementLine> lines;
  for (const auto& [number, some] : by_slot) lines.insert(lines.end(), some.begin(), some.end());
  return lines;
}

void Worker::add_tasks(JobId id, const Job& job, SlotId number, const codec::SlotEntry& slot,
                       std::uint64_t round, std::vector<StatementLine>& lines) const {
  const bool has_committed = std::ranges::any_of(
      slot.pending, [&](const codec::PendingTask& task) { return task.round == round; });
  const bool may_commit = !slot.queue.empty() && !has_committed &&
                          slot.pending.size() < codec::slot_pending_max &&
                          may_begin(id, slot.head, slot.queue.front());
  const KeptTask* kept = may_commit ? memory_.task(id, slot.queue.front().task) : nullptr;
  if (kept != nullptr) {
    const codec::TaskName name{config_.genesis, id, kept->task, slot.queue.front().pass};
    const Hash root = compute::task_root(kept->roots);
    lines.push_back({number, codec::task_commitment(name, number, self_, root), {}, {}, {}});
  }
  // Whose first pass is its owner's goes to somebody else.
  for (const codec::QueuedTask& task : slot.queue) {
    const codec::FirstPass* const first = task.pass == 2 ? memory_.first(id, task.task) : nullptr;
    if (first == nullptr || !is_own_first(*first, slot.head)) continue;
    lines.push_back({number, {}, {}, *first, {}});
  }
  for (const codec::PendingTask& task : slot.pending) {
    if (task.due == 0 || round < task.due || task.outcome != codec::Outcome::hidden) continue;
    if (auto line = reveal_of(id, job, number, task)) lines.push_back(*std::move(line));
  }
}

std::optional<StatementLine> Worker::reveal_of(JobId id, const Job& job, SlotId slot,
                                               const codec::PendingTask& task) const {
  const KeptTask* kept = memory_.task(id, task.task);
  if (kept == nullptr) return std::nullopt;
  codec::RevealLine reveal{compute::task_root(kept->roots), {}};
  for (std::uint8_t part = 0; part < task.parts.size(); ++part) {
    std::vector<Hash> roots;
    for (const std::uint16_t unit :
         codec::units_of_part(task.seed, job.entry.spec, part, task.checked)) {
      roots.push_back(kept->roots[unit]);
    }
    reveal.parts.push_back(part_root_of(roots));
  }
  StatementLine line{slot, {}, std::move(reveal), {}, {}};
  if (task.is_again) {
    const KeptRecord* record = memory_.record({id, task.task, task.pass});
    if (record == nullptr) return std::nullopt;
    line.first = codec::FirstPass{codec::encode_record(record->record), {}};
  } else if (task.pass == 2) {
    const codec::FirstPass* const first = memory_.first(id, task.task);
    if (first == nullptr) return std::nullopt;
    line.first = *first;
  }
  return line;
}

/// As long as they are not heard, as they were.
void Worker::repeat(Job& job, std::uint64_t round, const std::vector<StatementLine>& wanted) {
  const std::set<LineKey> keys = keys_of(wanted);
  for (Said& said : job.said) {
    if (said.kept.value != 0) continue;
    const bool is_heard = job.enrolment->seen >= round && !has_any(keys, said.statement.lines);
    if (is_heard || (!said.is_old && height_.value < said.at.value + repeat_after)) continue;
    said.is_old = false;
    said.at = height_;
    ++stats_.repeats;
    outputs_.push_back(SayStatement{said.statement});
  }
}

void Worker::say(JobId id, Job& job, std::uint64_t round, std::vector<StatementLine> lines) {
  auto line = lines.begin();
  do {
    if (job.said.size() == statements_max) return;
    codec::JobStatement statement{id, round, self_, {}, {}};
    std::vector<Kept> kept;
    std::size_t bytes = 0;
    for (; line != lines.end() && bytes < statement_bytes_max; ++line) {
      stats_.commits += line->commit ? 1 : 0;
      stats_.reveals += line->reveal ? 1 : 0;
      stats_.checks += line->checks.size();
      codec::JobStatement alone{id, round, self_, {*line}, {}};
      bytes += codec::encode_statement(alone).size();
      if (line->reveal) {
        const auto slot =
            std::ranges::find(job.slots, line->slot, [](const auto& one) { return one.first; });
        for (const codec::PendingTask& task : slot->second.pending) {
          if (auto record = record_of(id, job, line->slot, task)) {
            if (record->record.root == line->reveal->root) kept.push_back(*std::move(record));
          }
        }
      }
      add_line(statement.lines, *line);
    }
    const Bytes message = base::to_bytes(codec::statement_message(config_.genesis, statement));
    statement.signature = pair_.sign(message);
    kept.push_back(KeptStatement{statement});
    const Token token = keep(std::move(kept));
    job.said.push_back({std::move(statement), token, {}, false});
    ++stats_.statements;
  } while (line != lines.end());
}

/// What the ledger will count when the task settles as it stands; its time is not known yet.
std::optional<KeptRecord> Worker::record_of(JobId id, const Job& job, SlotId slot,
                                            const codec::PendingTask& task) const {
  const KeptTask* kept = memory_.task(id, task.task);
  const auto at = std::ranges::find(job.slots, slot, [](const auto& one) { return one.first; });
  if (kept == nullptr || task.due == 0 || task.is_again || at == job.slots.end()) {
    return std::nullopt;
  }
  const codec::SlotHead& head = at->second.head;
  codec::Record record;
  record.genesis = config_.genesis;
  record.job = id;
  record.task = task.task;
  record.pass = task.pass;
  record.account = head.owner;
  record.worker = head.worker;
  record.device_class = head.device_class;
  record.slot = slot;
  record.round = task.round;
  record.root = compute::task_root(kept->roots);
  for (const codec::TaskPart& part : task.parts) {
    if (!part.checker) return std::nullopt;
    record.checkers.push_back(*part.checker);
  }
  record.checked = task.checked;
  record.seed = task.seed;
  if (kept->statistics.size() <= codec::record_statistics_bytes_max) {
    record.statistics = kept->statistics;
  }
  return KeptRecord{task.seed, task.checked, std::move(record)};
}

/// What the ledger has settled is what was reckoned, so the worker puts its name to it.
void Worker::sign_records(JobId id, const Job& job) {
  for (const auto& [number, slot] : job.slots) {
    for (const codec::MaturingTask& task : slot.maturing) {
      const KeptRecord* known = memory_.record({id, task.task, task.pass});
      if (known == nullptr || known->is_signed()) continue;
      if (codec::record_hash(known->record) != task.record) continue;
      KeptRecord record = *known;
      record.record.time = time_ms_;
      record.record.signature = pair_.sign(codec::record_message(record.record));
      ++stats_.settled;
      outputs_.push_back(RecordMade{record.record});
      keep({std::move(record)});
    }
  }
}

}  // namespace kith::node

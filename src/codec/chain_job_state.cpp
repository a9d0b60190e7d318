#include "codec/chain_job_state.h"

#include <functional>

#include "codec/chain_job_bytes.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t entry_version = 1;

/// Writes fields. What fields() says of an entry holds both ways, so that they cannot differ.
class Out {
 public:
  explicit Out(Bytes& to) : writer_(to) {}

  void number(const std::uint8_t& value) { writer_.u8(value); }
  void number(const std::uint16_t& value) { writer_.u16(value); }
  void number(const std::uint32_t& value) { writer_.u32(value); }
  void number(const std::uint64_t& value) { writer_.u64(value); }
  void flag(const bool& value) { writer_.u8(value ? 1 : 0); }
  void hash(const Hash& value) { writer_.bytes(value); }
  void octets(const std::array<std::uint8_t, 16>& value) { writer_.bytes(value); }
  template <class E>
  void choice(const E& value, std::initializer_list<E>) {
    writer_.u8(static_cast<std::uint8_t>(value));
  }
  template <class T, class F>
  void list(const std::vector<T>& items, std::size_t most, F each) {
    ASSERT(items.size() <= most);
    if (most > 255) {
      writer_.u16(static_cast<std::uint16_t>(items.size()));
    } else {
      writer_.u8(static_cast<std::uint8_t>(items.size()));
    }
    for (const T& item : items) each(*this, item);
  }
  template <class T, class F>
  void optional(const std::optional<T>& value, F each) {
    flag(value.has_value());
    if (value) each(*this, *value);
  }
  void spec(const JobSpec& value) { write_spec(writer_, value); }
  void range(const Mmr& value) {
    const Bytes bytes = value.encode();
    writer_.u16(static_cast<std::uint16_t>(bytes.size()));
    writer_.bytes(bytes);
  }
  void require(bool, std::string_view) {}

 private:
  Writer writer_;
};

/// Reads them. After the first error the rest reads as zeros, and finish() says what it was.
class In {
 public:
  explicit In(ByteView bytes) : reader_(bytes) {}

  void number(std::uint8_t& to) { take(to, reader_.u8()); }
  void number(std::uint16_t& to) { take(to, reader_.u16()); }
  void number(std::uint32_t& to) { take(to, reader_.u32()); }
  void number(std::uint64_t& to) { take(to, reader_.u64()); }
  void flag(bool& to) { take(to, read_flag(reader_)); }
  void hash(Hash& to) { take(to, read_hash(reader_)); }
  void octets(std::array<std::uint8_t, 16>& to) { take(to, read_array_of<16>(reader_)); }
  template <class E>
  void choice(E& to, std::initializer_list<E> known) {
    std::uint8_t value = 0;
    number(value);
    for (const E one : known) {
      if (static_cast<std::uint8_t>(one) == value) {
        to = one;
        return;
      }
    }
    require(false, "an unknown kind");
  }
  template <class T, class F>
  void list(std::vector<T>& to, std::size_t most, F each) {
    std::uint16_t count = 0;
    if (most > 255) {
      number(count);
    } else {
      std::uint8_t small = 0;
      number(small);
      count = small;
    }
    require(count <= most, "a list over its limit");
    if (error_) return;
    to.resize(count);
    for (T& item : to) each(*this, item);
  }
  template <class T, class F>
  void optional(std::optional<T>& to, F each) {
    bool there = false;
    flag(there);
    if (there) each(*this, to.emplace());
  }
  void spec(JobSpec& to) {
    if (!error_) take(to, read_spec(reader_));
  }
  void range(Mmr& to) {
    std::uint16_t size = 0;
    number(size);
    if (error_) return;
    const auto bytes = reader_.bytes(size);
    if (bytes) {
      take(to, Mmr::decode(*bytes));
    } else {
      error_ = bytes.error();
    }
  }
  /// What a well-formed entry has to be.
  void require(bool holds, std::string_view what) {
    if (!holds && !error_) {
      error_ = Error{Code::malformed, base::format("entry of a job with {}", what)};
    }
  }
  Result<void> finish(bool whole) {
    if (error_) return fail(*error_);
    if (whole) return reader_.finish();
    return {};
  }

 private:
  template <class T>
  void take(T& to, Result<T> value) {
    if (error_) return;
    if (value) {
      to = *std::move(value);
    } else {
      error_ = value.error();
    }
  }

  Reader reader_;
  std::optional<Error> error_;
};

/// Of a number with a type of its own.
template <class Archive, class Id>
void id(Archive& ar, Id& value) {
  ar.number(value.value);
}

template <class Archive, class T>
void pass_of(Archive& ar, T& pass) {
  ar.number(pass);
  ar.require(pass == 1 || pass == 2, "a pass that is none");
}

constexpr auto each_number = [](auto& ar, auto& value) { id(ar, value); };
constexpr auto each_hash = [](auto& ar, auto& value) { ar.hash(value); };

template <class Archive, class Entry>
void job_fields(Archive& ar, Entry& e) {
  ar.spec(e.spec);
  ar.hash(e.account);
  ar.choice(e.state, {JobState::waiting, JobState::working, JobState::ending});
  id(ar, e.start);
  ar.number(e.mature);
  ar.number(e.escrow);
  ar.number(e.reserved);
  ar.number(e.next);
  ar.number(e.next_second);
  ar.number(e.second_first);
  ar.number(e.second_last);
  ar.number(e.second_at);
  ar.number(e.redo);
  ar.number(e.accepted);
  ar.number(e.accepted_second);
  ar.number(e.leases);
  ar.number(e.slots);
  ar.number(e.drawable);
  ar.number(e.fresh_round);
  ar.number(e.fresh);
  ar.list(e.cohorts, round_blocks_max, [](auto& a, auto& cohort) {
    a.number(cohort.used);
    a.number(cohort.live);
    a.number(cohort.free_next);
    a.require(cohort.live <= cohort.used && cohort.used <= cohort_slots_max,
              "a cohort over its limit");
  });
  ar.require(e.cohorts.size() == e.spec.round_blocks, "cohorts that are not its rounds' blocks");
  ar.require(e.escrow <= amount_max && e.reserved <= e.escrow, "more reserved than it has");
}

template <class Archive, class Entry>
void jobs_fields(Archive& ar, Entry& e) {
  ar.number(e.next_job);
  ar.number(e.next_dispute);
  ar.number(e.first_dispute);
  ar.number(e.last_dispute);
  ar.list(e.jobs, jobs_max, each_number);
  ar.require(std::ranges::adjacent_find(e.jobs, std::greater_equal()) == e.jobs.end(),
             "jobs out of order");
}

template <class Archive, class Side>
void side_fields(Archive& ar, Side& side) {
  id(ar, side.slot);
  ar.hash(side.worker);
  ar.hash(side.owner);
  id(ar, side.since);
}

template <class Archive, class Task>
void pending_fields(Archive& ar, Task& task) {
  id(ar, task.task);
  pass_of(ar, task.pass);
  ar.hash(task.commit);
  ar.number(task.round);
  ar.number(task.due);
  ar.number(task.checked);
  ar.hash(task.seed);
  ar.number(task.silent);
  ar.number(task.overdue);
  ar.flag(task.is_again);
  ar.list(task.parts, task_parts_max, [](auto& a, auto& part) {
    a.optional(part.checker, each_number);
    a.optional(part.said, [](auto& inner, auto& said) {
      inner.hash(said.check);
      inner.hash(said.worker);
    });
    a.require(part.checker.has_value() || !part.said.has_value(), "a check that nobody said");
  });
  ar.choice(task.outcome,
            {Outcome::hidden, Outcome::fits, Outcome::part_differs, Outcome::first_differs});
  if (task.outcome != Outcome::hidden) {
    ar.hash(task.root);
    ar.list(task.got, task_parts_max, each_hash);
    ar.require(task.got.size() == task.parts.size(), "roots of other parts");
  }
  if (task.outcome == Outcome::part_differs) {
    ar.number(task.differing);
    ar.require(task.differing < task.parts.size(), "a part that is not there");
  }
  if (task.outcome != Outcome::first_differs) return;
  side_fields(ar, task.first);
  ar.hash(task.first_root);
}

template <class Archive, class Task>
void maturing_fields(Archive& ar, Task& task) {
  id(ar, task.task);
  pass_of(ar, task.pass);
  ar.hash(task.record);
  ar.number(task.mark);
  ar.number(task.disputes);
  ar.list(task.parts, task_parts_max, [](auto& a, auto& part) {
    id(a, part.checker);
    a.hash(part.got);
    a.flag(part.is_asked);
  });
  if (task.parts.empty()) return;
  ar.number(task.checked);
  ar.hash(task.seed);
}

template <class Archive, class Head>
void head_fields(Archive& ar, Head& head) {
  ar.flag(head.is_free);
  if (head.is_free) {
    ar.number(head.free_next);
    return;
  }
  ar.hash(head.worker);
  ar.hash(head.owner);
  ar.number(head.device_class);
  id(ar, head.since);
  ar.flag(head.is_leaving);
  ar.number(head.passed);
  ar.number(head.faults);
  ar.number(head.idle_until);
  ar.flag(head.has_lapsed);
  ar.number(head.disputes);
  ar.number(head.owed_moves);
  ar.list(head.duties, slot_duties_max, [](auto& a, auto& duty) {
    id(a, duty.target);
    a.number(duty.part);
    id(a, duty.due);
  });
}

template <class Archive, class Entry>
void slot_fields(Archive& ar, Entry& e) {
  head_fields(ar, e.head);
  if (e.head.is_free) return;
  ar.list(e.queue, slot_queue_max, [](auto& a, auto& task) {
    id(a, task.task);
    pass_of(a, task.pass);
    a.number(task.until);
  });
  ar.list(e.pending, slot_pending_max, [](auto& a, auto& task) { pending_fields(a, task); });
  ar.list(e.maturing, slot_maturing_max, [](auto& a, auto& task) { maturing_fields(a, task); });
}

template <class Archive, class Entry>
void redo_fields(Archive& ar, Entry& e) {
  ar.list(e.tasks, redo_page_tasks, [](auto& a, auto& task) {
    id(a, task.task);
    pass_of(a, task.pass);
  });
}

template <class Archive>
void stage_field(Archive& ar, auto& stage) {
  using enum DisputeStage;
  ar.choice(stage, {open_part, choose_unit, open_unit, choose_slice, show_part, show_slice,
                    open_nodes, open_units, open_slices, verdict});
}

template <class Archive, class Entry>
void dispute_fields(Archive& ar, Entry& e) {
  using enum DisputeKind;
  ar.choice(e.kind, {check, unshown, doubt, passes, find});
  id(ar, e.job);
  id(ar, e.task);
  pass_of(ar, e.pass);
  ar.number(e.part);
  id(ar, e.until);
  ar.number(e.overdue);
  ar.number(e.overdue_other);
  side_fields(ar, e.worker);
  side_fields(ar, e.other);
  ar.number(e.before);
  ar.number(e.after);
  stage_field(ar, e.stage);
  ar.hash(e.root);
  ar.hash(e.node);
  ar.hash(e.node_other);
  ar.number(e.opened);
  ar.require(e.opened <= 2, "a side that is none");
  ar.list(e.entries, dispute_entries_max, each_hash);
  ar.number(e.unit);
  ar.number(e.slice);
  ar.hash(e.said);
  ar.hash(e.said_other);
  ar.number(e.held);
  ar.require(e.held <= amount_max, "more held than there is");
  ar.hash(e.record);
  ar.number(e.checked);
  ar.hash(e.seed);
  ar.octets(e.number);
  ar.number(e.what);
}

template <class Archive, class Entry>
void find_fields(Archive& ar, Entry& e) {
  ar.hash(e.account);
  ar.hash(e.worker);
  id(ar, e.task);
  ar.number(e.unit);
  ar.octets(e.number);
  ar.number(e.what);
  id(ar, e.height);
}

template <class Archive, class Entry>
void region_fields(Archive& ar, Entry& e) {
  ar.range(e.first);
  ar.range(e.second);
  id(ar, e.first_height);
  id(ar, e.second_height);
  ar.number(e.next);
}

template <class Archive, class Entry>
void member_fields(Archive& ar, Entry& e) {
  ar.number(e.passed);
  ar.number(e.faults);
  ar.list(e.overdue, overdue_rounds_max, [](auto& a, auto& round) {
    a.number(round.round);
    a.number(round.count);
    a.number(round.passed);
    a.require(round.count > 0, "no task in a round of overdue ones");
  });
  ar.number(e.slots);
  ar.number(e.tasks);
  ar.number(e.units);
  ar.number(e.checks);
}

template <class Archive, class Entry>
void enrolment_fields(Archive& ar, Entry& e) {
  ar.number(e.cohort);
  ar.number(e.seen);
  ar.number(e.before);
  ar.list(e.slots, enrolment_slots_max, each_number);
  ar.require(std::ranges::adjacent_find(e.slots, std::greater_equal()) == e.slots.end(),
             "slots out of order");
}

struct Fields {
  template <class Archive>
  static void of(Archive& ar, auto& e) {
    using Entry = std::remove_const_t<std::remove_reference_t<decltype(e)>>;
    if constexpr (std::is_same_v<Entry, JobEntry>) {
      job_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, JobsEntry>) {
      jobs_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, SlotEntry>) {
      slot_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, RedoPage>) {
      redo_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, DisputeEntry>) {
      dispute_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, RegionEntry>) {
      region_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, MemberEntry>) {
      member_fields(ar, e);
    } else if constexpr (std::is_same_v<Entry, EnrolmentEntry>) {
      enrolment_fields(ar, e);
    } else {
      static_assert(std::is_same_v<Entry, FindEntry>);
      find_fields(ar, e);
    }
  }
};

template <class Entry>
Bytes encoded(const Entry& entry, std::size_t about) {
  Bytes bytes;
  bytes.reserve(about);
  Out out(bytes);
  out.number(entry_version);
  Fields::of(out, entry);
  return bytes;
}

void check_version(In& in) {
  std::uint8_t version = 0;
  in.number(version);
  in.require(version == entry_version, "another version");
}

std::size_t size_about(const SlotEntry& entry) {
  std::size_t size = 256 + 47 * entry.maturing.size();
  for (const PendingTask& task : entry.pending) size += 200 + 40 * task.parts.size();
  return size;
}

}  // namespace

Bytes encode_entry(const JobEntry& entry) { return encoded(entry, 512 + 6 * entry.cohorts.size()); }
Bytes encode_entry(const JobsEntry& entry) { return encoded(entry, 64); }
Bytes encode_entry(const SlotEntry& entry) { return encoded(entry, size_about(entry)); }
Bytes encode_entry(const RedoPage& entry) { return encoded(entry, 600); }
Bytes encode_entry(const DisputeEntry& entry) {
  return encoded(entry, 640 + 32 * entry.entries.size());
}
Bytes encode_entry(const RegionEntry& entry) { return encoded(entry, 1'024); }
Bytes encode_entry(const MemberEntry& entry) { return encoded(entry, 48); }
Bytes encode_entry(const EnrolmentEntry& entry) { return encoded(entry, 32); }
Bytes encode_entry(const FindEntry& entry) { return encoded(entry, 128); }

template <class Entry>
Result<Entry> decode_entry(ByteView bytes) {
  In in(bytes);
  check_version(in);
  Entry entry;
  Fields::of(in, entry);
  TRY_VOID(in.finish(true));
  return entry;
}
template Result<JobEntry> decode_entry<JobEntry>(ByteView);
template Result<JobsEntry> decode_entry<JobsEntry>(ByteView);
template Result<SlotEntry> decode_entry<SlotEntry>(ByteView);
template Result<RedoPage> decode_entry<RedoPage>(ByteView);
template Result<DisputeEntry> decode_entry<DisputeEntry>(ByteView);
template Result<RegionEntry> decode_entry<RegionEntry>(ByteView);
template Result<MemberEntry> decode_entry<MemberEntry>(ByteView);
template Result<EnrolmentEntry> decode_entry<EnrolmentEntry>(ByteView);
template Result<FindEntry> decode_entry<FindEntry>(ByteView);

Result<SlotHead> decode_slot_head(ByteView bytes) {
  In in(bytes);
  check_version(in);
  SlotHead head;
  head_fields(in, head);
  TRY_VOID(in.finish(false));
  return head;
}

}  // namespace kith::codec

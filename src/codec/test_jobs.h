// For tests only: one of everything of chain_job.h, chain_record.h and chain_job_state.h, as the
// golden vectors have it.
#pragma once

#include "codec/chain_job_state.h"
#include "codec/chain_record.h"
#include "codec/test_chain.h"

namespace kith::codec::test {

inline JobSpec sample_spec() {
  JobSpec spec;
  spec.workload = 1;
  spec.params = {0x33, 0x1a, 0x24};
  spec.tasks = 65'536;
  spec.units = 1'024;
  spec.slices = 16;
  spec.region_tasks = 32'768;
  spec.round_blocks = 64;
  spec.lease_rounds = 8;
  spec.checked_min = 48;
  spec.eps_ppm = 250;
  spec.passes = 2;
  spec.second_every = 10;
  spec.price = 1'000;
  spec.price2 = 700;
  spec.bond = units_per_coin;
  return spec;
}

inline JobStatement sample_statement() {
  JobStatement statement{{7}, 9, identity(3).key, {}, {}};
  statement.lines.push_back({{5}, hash_of(0x11), std::nullopt, std::nullopt, {}});
  statement.lines.push_back({{5},
                             hash_of(0x12),
                             RevealLine{hash_of(0x13), {hash_of(0x14), hash_of(0x15)}},
                             FirstPass{{1, 2, 3}, {4, 5}},
                             {{{70}, 0, hash_of(0x16)}, {{6}, 15, hash_of(0x17)}}});
  statement.lines.push_back({{9}, std::nullopt, std::nullopt, FirstPass{{6}, {}}, {}});
  statement.signature.fill(0x18);
  return statement;
}

inline GiveVerdict sample_verdict() {
  GiveVerdict verdict{80, hash_of(0x68), {{2, {}}, {300, {}}}};
  verdict.signatures[0].signature.fill(0x69);
  verdict.signatures[1].signature.fill(0x6a);
  return verdict;
}

inline ClaimFind sample_claim() {
  ClaimFind claim{{7}, {6}, 1'000, {}, 2};
  for (std::uint8_t i = 0; i < 16; ++i) claim.number[i] = i;
  return claim;
}

inline std::vector<JobOrder> sample_orders() {
  JobStatement silent{{7}, 10, identity(4).key, {}, {}};
  return {SubmitJob{hash_of(0x21), sample_spec(), 12'345},
          FundJob{{7}, amount_max},
          EndJob{{7}},
          EnrolSlots{{7}, identity(3).key, 256},
          LeaveJob{{7}, identity(3).key, 1},
          CarryStatements{{sample_statement(), silent}},
          ConcedeDispute{77},
          DisputeMove{78, OpenMove{{hash_of(0x61), hash_of(0x62)}}},
          DisputeMove{78, ChooseMove{63, std::nullopt}},
          DisputeMove{78, ChooseMove{0, hash_of(0x63)}},
          DisputeMove{79, ShowMove{{hash_of(0x64)}, {hash_of(0x65), hash_of(0x66)}}},
          FileDispute{{7}, {1, 2, 3}, DisputeKind::unshown, 15, 0, {}},
          FileDispute{{7}, {4, 5}, DisputeKind::doubt, 1'023, 63, hash_of(0x67)},
          sample_verdict(),
          sample_claim()};
}

inline Record sample_record() {
  Record record;
  record.genesis = hash_of(0x31);
  record.job = {7};
  record.task = {1'234};
  record.pass = 2;
  record.account = hash_of(0x32);
  record.worker = identity(3).key;
  record.device_class = 2;
  record.slot = {69};
  record.round = 12;
  record.root = hash_of(0x33);
  record.checkers = {{1}, {300}};
  record.checked = 96;
  record.seed = hash_of(0x35);
  record.time = 1'764'000'000'000;
  record.statistics = {9, 8, 7};
  record.signature.fill(0x34);
  return record;
}

inline JobEntry sample_job() {
  JobEntry job;
  job.spec = sample_spec();
  job.spec.round_blocks = 2;
  job.account = hash_of(0x41);
  job.state = JobState::working;
  job.start = {100};
  job.mature = 19;
  job.escrow = 1'000'000;
  job.reserved = 900'000;
  job.next = 40;
  job.next_second = 3;
  job.second_first = 2;
  job.second_last = 5;
  job.second_at = 3;
  job.redo = 65;
  job.accepted = 20;
  job.accepted_second = 1;
  job.leases = 44;
  job.slots = 3;
  job.drawable = 5;
  job.fresh_round = 8;
  job.fresh = 2;
  job.cohorts = {{3, 2, 5}, {1, 1, 0}};
  return job;
}

inline SlotEntry sample_slot() {
  SlotEntry slot;
  slot.head = {false, 0, identity(3).key, hash_of(0x51), 2, {130}, true, 11, 1, 9, true, 2, 1, {}};
  slot.head.duties = {{{70}, 3, {260}}};
  slot.queue = {{{41}, 1, 17}, {{42}, 2, 18}};
  PendingTask hidden;
  hidden.task = {39};
  hidden.commit = hash_of(0x52);
  hidden.round = 8;
  PendingTask drawn = hidden;
  drawn.pass = 2;
  drawn.due = 10;
  drawn.checked = 96;
  drawn.seed = hash_of(0x53);
  drawn.silent = 1;
  drawn.overdue = 11;
  drawn.parts = {{SlotId{70}, SaidCheck{hash_of(0x54), identity(4).key}}, {SlotId{71}, {}}};
  PendingTask differs = drawn;
  differs.is_again = true;
  differs.outcome = Outcome::part_differs;
  differs.root = hash_of(0x55);
  differs.got = {hash_of(0x5b), hash_of(0x5c)};
  differs.differing = 1;
  PendingTask first = drawn;
  first.outcome = Outcome::first_differs;
  first.root = hash_of(0x56);
  first.got = differs.got;
  first.first = {{72}, identity(5).key, hash_of(0x5a), {90}};
  first.first_root = hash_of(0x5e);
  PendingTask fits = drawn;
  fits.outcome = Outcome::fits;
  fits.root = hash_of(0x57);
  fits.parts = std::vector<TaskPart>(1);
  fits.got = {hash_of(0x5f)};
  slot.pending = {hidden, drawn, differs, first, fits};
  slot.maturing = {
      {{30}, 1, hash_of(0x58), 7, 0, {}, 0, {}},
      {{31}, 2, hash_of(0x59), 8, 2, {{{70}, hash_of(0x60), true}}, 48, hash_of(0x6b)}};
  return slot;
}

inline SlotEntry free_slot() {
  SlotEntry slot;
  slot.head.is_free = true;
  slot.head.free_next = 12;
  return slot;
}

inline RegionEntry sample_region() {
  RegionEntry region;
  for (std::uint8_t i = 1; i <= 3; ++i) (void)region.first.append(hash_of(i));
  (void)region.second.append(hash_of(9));
  region.first_height = {500};
  region.next = 4;
  return region;
}

inline DisputeEntry sample_dispute() {
  DisputeEntry entry;
  entry.kind = DisputeKind::passes;
  entry.job = {7};
  entry.task = {39};
  entry.pass = 2;
  entry.part = 1;
  entry.until = {999};
  entry.overdue = 12;
  entry.overdue_other = 13;
  entry.worker = {{5}, identity(3).key, hash_of(0x51), {130}};
  entry.other = {{72}, identity(5).key, hash_of(0x5a), {90}};
  entry.before = 1;
  entry.after = 3;
  entry.stage = DisputeStage::open_units;
  entry.root = hash_of(0x71);
  entry.node = hash_of(0x72);
  entry.node_other = hash_of(0x73);
  entry.opened = 2;
  entry.entries = {hash_of(0x74), hash_of(0x75)};
  entry.unit = 992;
  entry.slice = 15;
  entry.said = hash_of(0x76);
  entry.said_other = hash_of(0x77);
  entry.held = 1'000'000;
  entry.record = hash_of(0x78);
  entry.checked = 96;
  entry.seed = hash_of(0x79);
  entry.number = sample_claim().number;
  entry.what = 1;
  return entry;
}

/// Each with the fields that its kind has.
inline std::vector<Bytes> sample_entries() {
  return {encode_entry(sample_job()),
          encode_entry(JobsEntry{8, 3, 1, 2, {{1}, {7}}}),
          encode_entry(sample_slot()),
          encode_entry(free_slot()),
          encode_entry(RedoPage{{{{39}, 1}, {{2}, 2}}}),
          encode_entry(sample_dispute()),
          encode_entry(sample_region()),
          encode_entry(MemberEntry{11, 1, {{3, 1, 9}, {4, 2, 10}}, 3, 4, 5, 6}),
          encode_entry(EnrolmentEntry{5, 9, 0x81, {{5}, {69}}}),
          encode_entry(FindEntry{
              hash_of(0x51), identity(3).key, {39}, 1'000, sample_claim().number, 2, {998}})};
}

}  // namespace kith::codec::test

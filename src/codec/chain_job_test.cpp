#include "codec/chain_job.h"

#include <rapidcheck.h>

#include <set>

#include "codec/golden_test_util.h"
#include "codec/test_jobs.h"

namespace kith::codec {
namespace {

using test::hash_of;
using test::identity;

/// The lines of the vectors that begin with this word, without it.
std::vector<GoldenLine> lines_of(const std::string& word) {
  std::vector<GoldenLine> lines;
  for (GoldenLine line : golden_lines("chain_job.txt")) {
    if (line[0] != word) continue;
    line.erase(line.begin());
    lines.push_back(std::move(line));
  }
  EXPECT_FALSE(lines.empty()) << word;
  return lines;
}

Hash hash_in(const std::string& hex) {
  Hash hash{};
  const Bytes bytes = unhex(hex);
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

TEST(ChainJob, GoldenOrders) {
  const auto lines = lines_of("order");
  const auto orders = test::sample_orders();
  ASSERT_EQ(lines.size(), orders.size());
  for (std::size_t i = 0; i < orders.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(base::to_hex(encode_job_order(orders[i])), lines[i][0]);
    EXPECT_EQ(decode_job_order(unhex(lines[i][0])).value(), orders[i]);
  }
  const Hash message = statement_message(hash_of(0x31), test::sample_statement());
  EXPECT_EQ(base::to_hex(message), lines_of("statement")[0][0]);
  const auto jobs = signature_jobs(orders[5], hash_of(0x31));
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].message, message);
  EXPECT_EQ(jobs[0].key, identity(3).key);
  EXPECT_TRUE(signature_jobs(orders[0], hash_of(0x31)).empty());
  // How many there are is told by the size alone, and no more than there is room for.
  for (const JobOrder& order : orders) {
    EXPECT_EQ(carried_by(encode_job_order(order)), signature_jobs(order, {}).size());
  }
  EXPECT_EQ(carried_by(Bytes{6, 0xff, 0xff}), 0u);
  EXPECT_EQ(carried_by(Bytes{6}), 0u);
  Bytes many(3 + 115 * 2 + 114, 0);
  many[0] = 6;
  many[1] = many[2] = 0xff;
  EXPECT_EQ(carried_by(many), 2u);
}

TEST(ChainJob, GoldenRecord) {
  const GoldenLine line = lines_of("record")[0];
  const Record record = test::sample_record();
  EXPECT_EQ(base::to_hex(encode_record(record)), line[0]);
  EXPECT_EQ(base::to_hex(record_hash(record)), line[1]);
  EXPECT_EQ(base::to_hex(record_message(record)), line[2]);
  EXPECT_EQ(cid_of(record).to_string(), line[3]);
  EXPECT_EQ(decode_record(unhex(line[0])).value(), record);
}

TEST(ChainJob, GoldenEntries) {
  const auto lines = lines_of("entry");
  const auto entries = test::sample_entries();
  ASSERT_EQ(lines.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(base::to_hex(entries[i]), lines[i][0]) << i;
  }
  EXPECT_EQ(decode_entry<JobEntry>(entries[0]).value(), test::sample_job());
  EXPECT_EQ(decode_entry<SlotEntry>(entries[2]).value(), test::sample_slot());
  EXPECT_EQ(decode_slot_head(entries[2]).value(), test::sample_slot().head);
  EXPECT_EQ(decode_entry<SlotEntry>(entries[3]).value(), test::free_slot());
  EXPECT_EQ(decode_entry<DisputeEntry>(entries[5]).value(), test::sample_dispute());
  EXPECT_EQ(decode_entry<RegionEntry>(entries[6]).value(), test::sample_region());
}

TEST(ChainJob, GoldenChecks) {
  JobSpec spec = test::sample_spec();
  for (const GoldenLine& line : lines_of("checked")) {  // n least passed s parts
    spec.units = static_cast<std::uint16_t>(std::stoul(line[0]));
    spec.checked_min = static_cast<std::uint16_t>(std::stoul(line[1]));
    const auto checked = units_checked(spec, static_cast<std::uint32_t>(std::stoul(line[2])));
    EXPECT_EQ(std::to_string(checked), line[3]);
    EXPECT_EQ(std::to_string(parts_of(checked)), line[4]);
  }
  for (const GoldenLine& line : lines_of("mature")) {  // cheats eps_ppm least M
    spec.eps_ppm = static_cast<std::uint32_t>(std::stoul(line[1]));
    spec.checked_min = static_cast<std::uint16_t>(std::stoul(line[2]));
    const auto passes = passes_to_mature(spec, static_cast<std::uint16_t>(std::stoul(line[0])));
    EXPECT_EQ(passes ? std::to_string(*passes) : "-", line[3]);
  }
}

TEST(ChainJob, GoldenVerdictsAndFinds) {
  const GoldenLine line = lines_of("verdict")[0];
  EXPECT_EQ(base::to_hex(verdict_message(hash_of(0x31), 80, hash_of(0x68))), line[0]);
  EXPECT_EQ(base::to_hex(find_digest({39}, test::sample_claim())), line[1]);
}

TEST(ChainJob, MovesAndVerdictsThatCannotBeAreRefused) {
  const auto code_of = [](const JobOrder& order) {
    const auto decoded = decode_job_order(encode_job_order(order));
    return decoded ? Code::internal : decoded.error().code;
  };
  const std::vector<Hash> many(65);
  EXPECT_EQ(code_of(DisputeMove{1, OpenMove{{}}}), Code::malformed);
  EXPECT_EQ(code_of(DisputeMove{1, OpenMove{many}}), Code::too_large);
  EXPECT_EQ(code_of(DisputeMove{1, ChooseMove{64, std::nullopt}}), Code::malformed);
  EXPECT_EQ(code_of(DisputeMove{1, ShowMove{{}, {}}}), Code::malformed);
  EXPECT_EQ(code_of(DisputeMove{1, ShowMove{many, {}}}), Code::too_large);
  EXPECT_EQ(code_of(DisputeMove{1, ShowMove{{Hash{}}, std::vector<Hash>(257)}}), Code::too_large);
  EXPECT_EQ(code_of(FileDispute{{7}, {}, DisputeKind::check, 0, 0, {}}), Code::malformed);
  EXPECT_EQ(code_of(FileDispute{{7}, {}, DisputeKind::unshown, 0, 1, {}}), Code::malformed);
  EXPECT_EQ(code_of(FileDispute{{7}, {}, DisputeKind::unshown, 0, 0, hash_of(1)}), Code::malformed);
  EXPECT_EQ(code_of(FileDispute{{7}, Bytes(1'025), DisputeKind::doubt, 0, 0, {}}), Code::too_large);
  EXPECT_EQ(code_of(GiveVerdict{1, {}, {}}), Code::malformed);
  EXPECT_EQ(code_of(GiveVerdict{1, {}, {{2, {}}, {2, {}}}}), Code::malformed);
  EXPECT_EQ(code_of(ClaimFind{{7}, {}, 1'024, {}, 1}), Code::malformed);
  EXPECT_EQ(code_of(ClaimFind{{7}, {}, 0, {}, 3}), Code::malformed);
  Bytes verdict = encode_job_order(test::sample_verdict());
  verdict[41] = verdict[42] = 0xff;  // a count that is not there
  EXPECT_EQ(decode_job_order(verdict).error().code, Code::truncated);
}

TEST(ChainJob, GoldenCommitmentsAndDraws) {
  const GoldenLine line = lines_of("hashes")[0];
  const TaskName name{hash_of(1), {7}, {39}, 2};
  EXPECT_EQ(base::to_hex(task_commitment(name, {5}, identity(3).key, hash_of(2))), line[0]);
  EXPECT_EQ(base::to_hex(check_commitment(name, 3, identity(4).key, hash_of(6))), line[1]);
  EXPECT_EQ(base::to_hex(units_seed(hash_of(3), name, {5})), line[2]);
  EXPECT_EQ(std::to_string(draw_of(hash_of(3), {7}, {5}, {8}, 1, 31)), line[3]);
  EXPECT_EQ(base::to_hex(lease_order_of(hash_of(3), {5})), line[4]);
  for (const GoldenLine& units : lines_of("units")) {  // seed n s part units
    JobSpec spec = test::sample_spec();
    spec.units = static_cast<std::uint16_t>(std::stoul(units[1]));
    const auto got =
        units_of_part(hash_in(units[0]), spec, static_cast<std::uint8_t>(std::stoul(units[3])),
                      static_cast<std::uint16_t>(std::stoul(units[2])));
    std::string text;
    for (const std::uint16_t unit : got) text += (text.empty() ? "" : ",") + std::to_string(unit);
    EXPECT_EQ(text, units[4]);
  }
}

TEST(ChainJob, PartsAreDisjointAndCoverWhatIsChecked) {
  EXPECT_TRUE(rc::check([](std::uint8_t fill, std::uint8_t size, std::uint32_t passed) {
    JobSpec spec = test::sample_spec();
    spec.units = static_cast<std::uint16_t>(1u << (2 * (size % 5 + 1)));
    spec.checked_min = std::min<std::uint16_t>(48, spec.units);
    const std::uint16_t checked = units_checked(spec, passed % 64);
    const std::uint8_t parts = parts_of(checked);
    RC_ASSERT(checked <= spec.units && checked >= spec.checked_min && checked % parts == 0);
    RC_ASSERT(parts <= task_parts_max && checked / parts <= part_units_max);
    std::set<std::uint16_t> all;
    for (std::uint8_t part = 0; part < parts; ++part) {
      const auto units = units_of_part(hash_of(fill), spec, part, checked);
      RC_ASSERT(std::ranges::is_sorted(units));
      all.insert(units.begin(), units.end());
    }
    RC_ASSERT(all.size() == checked && *all.rbegin() < spec.units);
  }));
}

TEST(ChainJob, TwoTasksOfOneBeaconHaveOtherUnits) {
  const JobSpec spec = test::sample_spec();
  const auto units_of = [&](std::uint64_t task, std::uint32_t slot) {
    return units_of_part(units_seed(hash_of(3), {hash_of(1), {7}, {task}, 1}, {slot}), spec, 0, 48);
  };
  EXPECT_NE(units_of(1, 5), units_of(2, 5));
  EXPECT_NE(units_of(1, 5), units_of(1, 69));
}

TEST(ChainJob, EveryLimitOfASpecHolds) {
  const auto refused = [](auto change) {
    SubmitJob order{{}, test::sample_spec(), 1};
    change(order.spec);
    return !decode_job_order(encode_job_order(order)).has_value();
  };
  EXPECT_FALSE(refused([](JobSpec&) {}));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.workload = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.params.resize(257); }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.tasks = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.tasks = job_tasks_max + 1; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.units = 512; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.units = 4'096; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.units = 1; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.slices = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.slices = 65; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.region_tasks = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) {
    spec.tasks = job_regions_max + 1;
    spec.region_tasks = 1;
  }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.round_blocks = 1; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.round_blocks = 4'097; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.lease_rounds = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.checked_min = 0; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.checked_min = 65; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.units = 16; }));  // less than are checked
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.eps_ppm = 9; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.eps_ppm = 100'001; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.passes = 3; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.passes = 1; }));  // and each tenth is of the second
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.price = job_price_max + 1; }));
  EXPECT_TRUE(refused([](JobSpec& spec) { spec.bond = 0; }));
}

TEST(ChainJob, StatementsThatCannotBeAreRefused) {
  const auto code_of = [](auto change) {
    JobStatement statement = test::sample_statement();
    change(statement);
    const auto decoded = decode_job_order(encode_job_order(CarryStatements{{statement}}));
    return decoded ? Code::internal : decoded.error().code;
  };
  EXPECT_EQ(code_of([](JobStatement&) {}), Code::internal);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[0].commit.reset(); }), Code::malformed);
  EXPECT_EQ(code_of([](JobStatement& s) { std::swap(s.lines[0], s.lines[2]); }), Code::malformed);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[1].reveal->parts.clear(); }), Code::malformed);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[1].reveal->parts.resize(17); }), Code::too_large);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[1].checks.resize(9); }), Code::too_large);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[1].checks[0].part = 16; }), Code::malformed);
  EXPECT_EQ(code_of([](JobStatement& s) { s.lines[1].first->record.resize(1'025); }),
            Code::too_large);
  EXPECT_FALSE(decode_job_order(encode_job_order(CarryStatements{})));
  Bytes many = encode_job_order(CarryStatements{{test::sample_statement()}});
  many[1] = many[2] = 0xff;  // a count that is not there
  EXPECT_EQ(decode_job_order(many).error().code, Code::truncated);
  EXPECT_EQ(decode_job_order(Bytes{11}).error().code, Code::unsupported);
}

TEST(ChainJob, RecordsAreVerifiedOffline) {
  Record record = test::sample_record();
  record.signature = identity(3).pair.sign(record_message(record));
  EXPECT_TRUE(verify_record(record));
  const std::vector<Hash> list{hash_of(1), record_hash(record), hash_of(2)};
  const Hash root = merkle_root(list);
  EXPECT_TRUE(verify_record(record, root, prove_merkle(list, 1)));
  EXPECT_FALSE(verify_record(record, root, prove_merkle(list, 0)));
  Record other = record;
  other.time += 1;  // the worker's word: not what the ledger counts, but what it has signed
  EXPECT_EQ(record_hash(other), record_hash(record));
  EXPECT_NE(cid_of(other), cid_of(record));
  EXPECT_FALSE(verify_record(other));
  other = record;
  other.root = hash_of(0x35);
  EXPECT_NE(record_hash(other), record_hash(record));
}

TEST(ChainJob, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(
      rc::check([](const Bytes& noise, std::size_t which, std::size_t at, std::uint8_t flip) {
        (void)decode_job_order(noise);
        (void)decode_record(noise);
        const auto orders = test::sample_orders();
        Bytes order = encode_job_order(orders[which % orders.size()]);
        order[at % order.size()] ^= flip;
        if (const auto decoded = decode_job_order(order)) {
          RC_ASSERT(encode_job_order(*decoded) == order);
        }
        Bytes record = encode_record(test::sample_record());
        record[at % record.size()] ^= flip;
        if (const auto decoded = decode_record(record))
          RC_ASSERT(encode_record(*decoded) == record);
        Bytes slot = encode_entry(test::sample_slot());
        slot[at % slot.size()] ^= flip;
        if (const auto decoded = decode_entry<SlotEntry>(slot)) {
          RC_ASSERT(encode_entry(*decoded) == slot);
          RC_ASSERT(decode_slot_head(slot).value() == decoded->head);
        }
        Bytes dispute = encode_entry(test::sample_dispute());
        dispute[at % dispute.size()] ^= flip;
        if (const auto decoded = decode_entry<DisputeEntry>(dispute)) {
          RC_ASSERT(encode_entry(*decoded) == dispute);
        }
        Bytes job = encode_entry(test::sample_job());
        job[at % job.size()] ^= flip;
        if (const auto decoded = decode_entry<JobEntry>(job))
          RC_ASSERT(encode_entry(*decoded) == job);
      }));
}

}  // namespace
}  // namespace kith::codec

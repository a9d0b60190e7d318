#include "codec/chain_job.h"

#include <bit>

#include "codec/chain_job_bytes.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t spec_version = 1;
constexpr std::uint8_t statement_version = 1;
/// Of one without lines: version, job, round, worker, how many lines, signature.
constexpr std::size_t statement_bytes_min = 1 + 8 + 8 + 32 + 2 + crypto::ed25519_signature_bytes;
enum class OrderKind : std::uint8_t {
  submit = 1,
  fund = 2,
  end = 3,
  enrol = 4,
  leave = 5,
  carry = 6,
  move = 7,
  file = 8,
  verdict = 9,
  find = 10
};
constexpr std::uint8_t move_open = 1;
constexpr std::uint8_t move_choose = 2;
constexpr std::uint8_t move_show = 3;
constexpr std::uint8_t move_concede = 4;

/// What a line has, beside checks.
constexpr std::uint8_t has_commit = 1;
constexpr std::uint8_t has_reveal = 2;
constexpr std::uint8_t has_first = 4;

bool is_power_of_4(std::uint16_t n) {
  return std::has_single_bit(n) && std::countr_zero(n) % 2 == 0;
}

void write_line(Writer& writer, const StatementLine& line) {
  writer.u32(line.slot.value);
  writer.u8(static_cast<std::uint8_t>((line.commit ? has_commit : 0) |
                                      (line.reveal ? has_reveal : 0) |
                                      (line.first ? has_first : 0)));
  if (line.commit) writer.bytes(*line.commit);
  if (line.reveal) {
    writer.bytes(line.reveal->root);
    writer.u8(static_cast<std::uint8_t>(line.reveal->parts.size()));
    for (const Hash& part : line.reveal->parts) writer.bytes(part);
  }
  if (line.first) {
    writer.u16(static_cast<std::uint16_t>(line.first->record.size()));
    writer.bytes(line.first->record);
    writer.u16(static_cast<std::uint16_t>(line.first->proof.size()));
    writer.bytes(line.first->proof);
  }
  writer.u8(static_cast<std::uint8_t>(line.checks.size()));
  for (const CheckLine& check : line.checks) {
    writer.u32(check.target.value);
    writer.u8(check.part);
    writer.bytes(check.check);
  }
}

Result<Bytes> read_sized(Reader& reader, std::string_view what, std::size_t most) {
  const std::size_t size = TRY(reader.u16());
  if (size > most) {
    return fail(Code::too_large, base::format("{} of {} bytes, limit {}", what, size, most));
  }
  return base::to_bytes(TRY(reader.bytes(size)));
}

Result<RevealLine> read_reveal(Reader& reader) {
  RevealLine reveal;
  reveal.root = TRY(read_hash(reader));
  const std::size_t parts = TRY(read_count(reader, "parts", task_parts_max));
  if (parts == 0) return fail(Code::malformed, "reveal without a part");
  for (std::size_t i = 0; i < parts; ++i) reveal.parts.push_back(TRY(read_hash(reader)));
  return reveal;
}

Result<StatementLine> read_line(Reader& reader) {
  StatementLine line;
  line.slot = {TRY(reader.u32())};
  const std::uint8_t what = TRY(reader.u8());
  if (what > (has_commit | has_reveal | has_first)) {
    return fail(Code::malformed, base::format("line of kind {}", what));
  }
  if ((what & has_commit) != 0) line.commit = TRY(read_hash(reader));
  if ((what & has_reveal) != 0) line.reveal = TRY(read_reveal(reader));
  if ((what & has_first) != 0) {
    FirstPass first;
    first.record = TRY(read_sized(reader, "record", first_pass_record_bytes_max));
    first.proof = TRY(read_sized(reader, "proof", first_pass_proof_bytes_max));
    line.first = std::move(first);
  }
  const std::size_t checks = TRY(read_count(reader, "checks", slot_duties_max));
  if (what == 0 && checks == 0) return fail(Code::malformed, "line that says nothing");
  for (std::size_t i = 0; i < checks; ++i) {
    CheckLine check;
    check.target = {TRY(reader.u32())};
    check.part = TRY(read_within<std::uint8_t>(reader, "part", 0, task_parts_max - 1));
    check.check = TRY(read_hash(reader));
    line.checks.push_back(check);
  }
  return line;
}

/// All but the signature.
void write_said(Writer& writer, const JobStatement& statement) {
  writer.u8(statement_version);
  writer.u64(statement.job.value);
  writer.u64(statement.round);
  writer.bytes(statement.worker);
  writer.u16(static_cast<std::uint16_t>(statement.lines.size()));
  for (const StatementLine& line : statement.lines) write_line(writer, line);
}

struct WriteOrder {
  Writer& writer;

  void kind(OrderKind which) const { writer.u8(static_cast<std::uint8_t>(which)); }
  void operator()(const SubmitJob& order) const {
    kind(OrderKind::submit);
    writer.bytes(order.account);
    write_spec(writer, order.spec);
    writer.u64(order.amount);
  }
  void operator()(const FundJob& order) const {
    kind(OrderKind::fund);
    writer.u64(order.job.value);
    writer.u64(order.amount);
  }
  void operator()(const EndJob& order) const {
    kind(OrderKind::end);
    writer.u64(order.job.value);
  }
  void operator()(const EnrolSlots& order) const {
    kind(OrderKind::enrol);
    slots(order.job, order.worker, order.slots);
  }
  void operator()(const LeaveJob& order) const {
    kind(OrderKind::leave);
    slots(order.job, order.worker, order.slots);
  }
  void operator()(const CarryStatements& order) const {
    kind(OrderKind::carry);
    writer.u16(static_cast<std::uint16_t>(order.statements.size()));
    for (const JobStatement& statement : order.statements)
      writer.bytes(encode_statement(statement));
  }
  void operator()(const ConcedeDispute& order) const {
    kind(OrderKind::move);
    writer.u64(order.dispute);
    writer.u8(move_concede);
  }
  void operator()(const DisputeMove& order) const {
    kind(OrderKind::move);
    writer.u64(order.dispute);
    std::visit(*this, order.move);
  }
  void operator()(const OpenMove& move) const {
    writer.u8(move_open);
    entries(move.entries);
  }
  void operator()(const ChooseMove& move) const {
    writer.u8(move_choose);
    writer.u8(move.index);
    writer.u8(move.digest ? 1 : 0);
    if (move.digest) writer.bytes(*move.digest);
  }
  void operator()(const ShowMove& move) const {
    writer.u8(move_show);
    entries(move.entries);
    writer.u16(static_cast<std::uint16_t>(move.siblings.size()));
    for (const Hash& sibling : move.siblings) writer.bytes(sibling);
  }
  void operator()(const FileDispute& order) const {
    kind(OrderKind::file);
    writer.u64(order.job.value);
    record(order.record);
    writer.u8(static_cast<std::uint8_t>(order.kind));
    writer.u16(order.unit);
    writer.u16(order.slice);
    writer.bytes(order.digest);
  }
  void operator()(const GiveVerdict& order) const {
    kind(OrderKind::verdict);
    writer.u64(order.dispute);
    writer.bytes(order.digest);
    writer.u16(static_cast<std::uint16_t>(order.signatures.size()));
    for (const VerdictSignature& one : order.signatures) {
      writer.u16(one.validator);
      writer.bytes(one.signature);
    }
  }
  void operator()(const ClaimFind& order) const {
    kind(OrderKind::find);
    writer.u64(order.job.value);
    record(order.record);
    writer.u64(order.unit);
    writer.bytes(order.number);
    writer.u8(order.what);
  }

 private:
  void entries(const std::vector<Hash>& hashes) const {
    writer.u8(static_cast<std::uint8_t>(hashes.size()));
    for (const Hash& hash : hashes) writer.bytes(hash);
  }
  void record(const Bytes& bytes) const {
    writer.u16(static_cast<std::uint16_t>(bytes.size()));
    writer.bytes(bytes);
  }
  void slots(JobId job, const ChainKey& worker, std::uint16_t count) const {
    writer.u64(job.value);
    writer.bytes(worker);
    writer.u16(count);
  }
};

Result<SubmitJob> read_submit(Reader& reader) {
  SubmitJob order;
  order.account = TRY(read_hash(reader));
  order.spec = TRY(read_spec(reader));
  order.amount = TRY(read_amount_or_none(reader));
  return order;
}

template <class Order>
Result<Order> read_slots(Reader& reader) {
  Order order;
  order.job = {TRY(reader.u64())};
  order.worker = TRY(read_hash(reader));
  order.slots = TRY(read_within<std::uint16_t>(reader, "slots", 1, 256));
  return order;
}

Result<CarryStatements> read_carry(Reader& reader) {
  CarryStatements order;
  const std::size_t count = TRY(reader.u16());
  if (count == 0) return fail(Code::malformed, "carries no statement");
  // A count alone allocates little.
  order.statements.reserve(std::min(count, reader.remaining() / statement_bytes_min));
  for (std::size_t i = 0; i < count; ++i) order.statements.push_back(TRY(read_statement(reader)));
  return order;
}

Result<std::vector<Hash>> read_entries(Reader& reader) {
  const std::size_t count = TRY(read_count(reader, "entries", dispute_entries_max));
  if (count == 0) return fail(Code::malformed, "move without an entry");
  std::vector<Hash> entries;
  for (std::size_t i = 0; i < count; ++i) entries.push_back(TRY(read_hash(reader)));
  return entries;
}

Result<ChooseMove> read_choose(Reader& reader) {
  ChooseMove move;
  move.index = TRY(read_within<std::uint8_t>(reader, "index", 0, dispute_entries_max - 1));
  if (TRY(read_flag(reader))) move.digest = TRY(read_hash(reader));
  return move;
}

Result<ShowMove> read_show(Reader& reader) {
  ShowMove move;
  move.entries = TRY(read_entries(reader));
  const std::size_t siblings = TRY(reader.u16());
  if (siblings > dispute_siblings_max) {
    return fail(Code::too_large,
                base::format("{} siblings, limit {}", siblings, dispute_siblings_max));
  }
  for (std::size_t i = 0; i < siblings; ++i) move.siblings.push_back(TRY(read_hash(reader)));
  return move;
}

Result<JobOrder> read_move(Reader& reader) {
  const std::uint64_t dispute = TRY(reader.u64());
  const std::uint8_t move = TRY(reader.u8());
  switch (move) {
    case move_open: return DisputeMove{dispute, OpenMove{TRY(read_entries(reader))}};
    case move_choose: return DisputeMove{dispute, TRY(read_choose(reader))};
    case move_show: return DisputeMove{dispute, TRY(read_show(reader))};
    case move_concede: return ConcedeDispute{dispute};
    default: return fail(Code::unsupported, base::format("move {} in a dispute", move));
  }
}

Result<FileDispute> read_file(Reader& reader) {
  FileDispute order;
  order.job = {TRY(reader.u64())};
  order.record = TRY(read_sized(reader, "record", first_pass_record_bytes_max));
  const std::uint8_t kind = TRY(read_within<std::uint8_t>(reader, "kind", 2, 3));
  order.kind = static_cast<DisputeKind>(kind);
  order.unit = TRY(reader.u16());
  order.slice = TRY(reader.u16());
  order.digest = TRY(read_hash(reader));
  if (order.kind == DisputeKind::unshown && (order.slice != 0 || order.digest != Hash{})) {
    return fail(Code::malformed, "what is unshown has neither slice nor digest");
  }
  return order;
}

Result<GiveVerdict> read_verdict(Reader& reader) {
  GiveVerdict order;
  order.dispute = TRY(reader.u64());
  order.digest = TRY(read_hash(reader));
  const std::size_t count = TRY(reader.u16());
  if (count == 0) return fail(Code::malformed, "verdict that nobody signed");
  // A count alone allocates little.
  order.signatures.reserve(std::min(count, reader.remaining() / 66));
  for (std::size_t i = 0; i < count; ++i) {
    VerdictSignature one;
    one.validator = TRY(reader.u16());
    if (i > 0 && one.validator <= order.signatures.back().validator) {
      return fail(Code::malformed, base::format("verdict of validator {} after one of validator {}",
                                                one.validator, order.signatures.back().validator));
    }
    one.signature = TRY(read_array_of<crypto::ed25519_signature_bytes>(reader));
    order.signatures.push_back(one);
  }
  return order;
}

Result<ClaimFind> read_find(Reader& reader) {
  ClaimFind order;
  order.job = {TRY(reader.u64())};
  order.record = TRY(read_sized(reader, "record", first_pass_record_bytes_max));
  order.unit = TRY(read_within<std::uint64_t>(reader, "unit", 0, job_units_max - 1));
  order.number = TRY(read_array_of<16>(reader));
  order.what = TRY(read_within<std::uint8_t>(reader, "find", 1, 2));
  return order;
}

}  // namespace

void write_spec(Writer& writer, const JobSpec& spec) {
  writer.u8(spec_version);
  writer.u8(spec.workload);
  writer.u16(static_cast<std::uint16_t>(spec.params.size()));
  writer.bytes(spec.params);
  writer.u64(spec.tasks);
  writer.u16(spec.units);
  writer.u16(spec.slices);
  writer.u32(spec.region_tasks);
  writer.u16(spec.round_blocks);
  writer.u8(spec.lease_rounds);
  writer.u16(spec.checked_min);
  writer.u32(spec.eps_ppm);
  writer.u8(spec.passes);
  writer.u8(spec.second_every);
  writer.u64(spec.price);
  writer.u64(spec.price2);
  writer.u64(spec.bond);
}

Result<JobSpec> read_spec(Reader& reader) {
  const std::uint8_t version = TRY(reader.u8());
  if (version != spec_version) {
    return fail(Code::unsupported, base::format("job of version {}", version));
  }
  JobSpec spec;
  spec.workload = TRY(read_within<std::uint8_t>(reader, "workload", 1, 255));
  spec.params = TRY(read_sized(reader, "job's params", job_params_bytes_max));
  spec.tasks = TRY(read_within<std::uint64_t>(reader, "tasks", 1, job_tasks_max));
  spec.units = TRY(read_within<std::uint16_t>(reader, "units", 4, job_units_max));
  if (!is_power_of_4(spec.units)) {
    return fail(Code::malformed, base::format("task of {} units, no power of 4", spec.units));
  }
  spec.slices = TRY(read_within<std::uint16_t>(reader, "slices", 1, job_slices_max));
  spec.region_tasks = TRY(read_within<std::uint32_t>(reader, "region_tasks", 1, region_tasks_max));
  if ((spec.tasks - 1) / spec.region_tasks >= job_regions_max) {
    return fail(Code::malformed,
                base::format("{} tasks in regions of {}", spec.tasks, spec.region_tasks));
  }
  spec.round_blocks = TRY(read_within<std::uint16_t>(reader, "round_blocks", 2, round_blocks_max));
  spec.lease_rounds = TRY(read_within<std::uint8_t>(reader, "lease_rounds", 1, lease_rounds_max));
  spec.checked_min = TRY(
      read_within<std::uint16_t>(reader, "checked_min", 1, std::min(part_units_max, spec.units)));
  spec.eps_ppm = TRY(read_within<std::uint32_t>(reader, "eps_ppm", 10, 100'000));
  spec.passes = TRY(read_within<std::uint8_t>(reader, "passes", 1, 2));
  spec.second_every = TRY(reader.u8());
  if (spec.passes == 1 && spec.second_every != 0) {
    return fail(Code::malformed, "job of one pass that leases a second");
  }
  spec.price = TRY(read_within<Amount>(reader, "price", 0, job_price_max));
  spec.price2 = TRY(read_within<Amount>(reader, "price2", 0, job_price_max));
  spec.bond = TRY(read_within<Amount>(reader, "bond", 1, job_bond_max));
  return spec;
}

Bytes encode_statement(const JobStatement& statement) {
  ASSERT(statement.lines.size() <= statement_lines_max);
  Bytes bytes;
  bytes.reserve(128 + 96 * statement.lines.size());
  Writer writer(bytes);
  write_said(writer, statement);
  writer.bytes(statement.signature);
  return bytes;
}

Result<JobStatement> read_statement(Reader& reader) {
  const std::uint8_t version = TRY(reader.u8());
  if (version != statement_version) {
    return fail(Code::unsupported, base::format("statement of version {}", version));
  }
  JobStatement statement;
  statement.job = {TRY(reader.u64())};
  statement.round = TRY(reader.u64());
  statement.worker = TRY(read_hash(reader));
  const std::size_t lines = TRY(reader.u16());
  if (lines > statement_lines_max) {
    return fail(Code::too_large,
                base::format("statement of {} lines, limit {}", lines, statement_lines_max));
  }
  for (std::size_t i = 0; i < lines; ++i) {
    StatementLine line = TRY(read_line(reader));
    if (i > 0 && line.slot < statement.lines.back().slot) {
      return fail(Code::malformed,
                  base::format("line of slot {} after one of slot {}", line.slot.value,
                               statement.lines.back().slot.value));
    }
    statement.lines.push_back(std::move(line));
  }
  statement.signature = TRY(read_array_of<crypto::ed25519_signature_bytes>(reader));
  return statement;
}

Hash statement_message(const Hash& genesis, const JobStatement& statement) {
  Bytes bytes;
  Writer writer(bytes);
  write_said(writer, statement);
  return tagged_hash("kith/statement/1", {genesis, bytes});
}

Bytes encode_job_order(const JobOrder& order) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(WriteOrder{writer}, order);
  return bytes;
}

Result<JobOrder> decode_job_order(ByteView body) {
  Reader reader(body);
  const std::uint8_t kind = TRY(reader.u8());
  JobOrder order;
  switch (static_cast<OrderKind>(kind)) {
    case OrderKind::submit: order = TRY(read_submit(reader)); break;
    case OrderKind::fund: {
      const JobId job{TRY(reader.u64())};
      order = FundJob{job, TRY(read_within<Amount>(reader, "amount", 1, amount_max))};
      break;
    }
    case OrderKind::end: order = EndJob{{TRY(reader.u64())}}; break;
    case OrderKind::enrol: order = TRY(read_slots<EnrolSlots>(reader)); break;
    case OrderKind::leave: order = TRY(read_slots<LeaveJob>(reader)); break;
    case OrderKind::carry: order = TRY(read_carry(reader)); break;
    case OrderKind::move: order = TRY(read_move(reader)); break;
    case OrderKind::file: order = TRY(read_file(reader)); break;
    case OrderKind::verdict: order = TRY(read_verdict(reader)); break;
    case OrderKind::find: order = TRY(read_find(reader)); break;
    default: return fail(Code::unsupported, base::format("order {} to the jobs", kind));
  }
  TRY_VOID(reader.finish());
  return order;
}

Hash verdict_message(const Hash& genesis, std::uint64_t dispute, const Hash& digest) {
  Bytes number;
  Writer(number).u64(dispute);
  return tagged_hash("kith/verdict/1", {genesis, number, digest});
}

Hash find_digest(TaskIndex task, const ClaimFind& claim) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u64(claim.job.value);
  writer.u64(task.value);
  writer.u64(claim.unit);
  writer.bytes(claim.number);
  writer.u8(claim.what);
  return tagged_hash("kith/find/1", {bytes});
}

std::vector<SignatureJob> signature_jobs(const JobOrder& order, const Hash& genesis) {
  std::vector<SignatureJob> jobs;
  if (const auto* carry = std::get_if<CarryStatements>(&order)) {
    for (const JobStatement& statement : carry->statements) {
      jobs.push_back(
          {statement.worker, statement_message(genesis, statement), statement.signature});
    }
  }
  return jobs;
}

std::size_t carried_by(ByteView body) {
  constexpr std::size_t head_bytes = 1 + 2;
  if (body.size() < head_bytes || body[0] != static_cast<std::uint8_t>(OrderKind::carry)) return 0;
  const auto said = static_cast<std::size_t>(body[1] << 8 | body[2]);
  return std::min(said, (body.size() - head_bytes) / statement_bytes_min);
}

JobOrder::JobOrder(const JobOrder&) = default;
JobOrder& JobOrder::operator=(const JobOrder&) = default;
JobOrder::JobOrder(JobOrder&&) noexcept = default;
JobOrder& JobOrder::operator=(JobOrder&&) noexcept = default;
JobOrder::~JobOrder() = default;

}  // namespace kith::codec

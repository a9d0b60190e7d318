#include "codec/compute_message.h"

#include "base/machine.h"
#include "codec/chain_job_bytes.h"

namespace kith::codec {
namespace {

enum class Kind : std::uint8_t {
  show = 1,
  shown = 2,
  want_record = 3,
  record = 4,
  carry = 5,
  taken = 6,
  refused = 7,
  want_first = 8,
  first = 9,
};
constexpr std::size_t record_bytes_max = 1'024;
constexpr std::size_t why_bytes_max = 255;

void write_kind(Writer& writer, Kind kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

void write_hashes(Writer& writer, const std::vector<Hash>& hashes) {
  for (const Hash& hash : hashes) writer.bytes(hash);
}

Result<std::vector<Hash>> read_hashes(Reader& reader, std::size_t count) {
  std::vector<Hash> hashes;
  for (std::size_t i = 0; i < count; ++i) hashes.push_back(TRY(read_hash(reader)));
  return hashes;
}

Result<std::size_t> read_size(Reader& reader, std::string_view what, std::size_t most) {
  const std::size_t size = TRY(reader.u16());
  if (size <= most) return size;
  return fail(Code::too_large, base::format("{} of {}, limit {}", what, size, most));
}

Result<ComputeRequest> read_show(Reader& reader) {
  ShowPart show;
  show.job = {TRY(reader.u64())};
  show.task = {TRY(reader.u64())};
  show.pass = TRY(read_within<std::uint8_t>(reader, "pass", 1, 2));
  show.part = TRY(read_within<std::uint8_t>(reader, "part", 0, task_parts_max - 1));
  return show;
}

Result<ComputeRequest> read_want(Reader& reader) {
  const std::size_t size = TRY(read_size(reader, "a name", cid_bytes_max));
  const ByteView bytes = TRY(reader.bytes(size));
  return WantRecord{TRY(Cid::decode(bytes))};
}

Result<ComputeRequest> read_carry(Reader& reader) {
  CarryThese carry;
  const std::size_t count = TRY(read_size(reader, "statements", carried_statements_max));
  if (count == 0) return fail(Code::malformed, "asks to carry no statement");
  for (std::size_t i = 0; i < count; ++i) carry.statements.push_back(TRY(read_statement(reader)));
  return carry;
}

Result<ComputeRequest> read_want_first(Reader& reader) {
  WantFirst want;
  want.job = {TRY(reader.u64())};
  want.task = {TRY(reader.u64())};
  return want;
}

Result<ComputeRequest> read_request(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  switch (static_cast<Kind>(kind)) {
    case Kind::show: return read_show(reader);
    case Kind::want_record: return read_want(reader);
    case Kind::carry: return read_carry(reader);
    case Kind::want_first: return read_want_first(reader);
    case Kind::shown:
    case Kind::record:
    case Kind::taken:
    case Kind::refused:
    case Kind::first: break;
  }
  return fail(Code::unsupported, base::format("a request of kind {}", kind));
}

Result<ComputeAnswer> read_shown(Reader& reader) {
  PartShown shown;
  const std::size_t roots = TRY(read_count(reader, "unit roots", part_units_max));
  shown.roots = TRY(read_hashes(reader, roots));
  const std::size_t siblings = TRY(read_size(reader, "siblings", shown_siblings_max));
  shown.siblings = TRY(read_hashes(reader, siblings));
  return shown;
}

Result<ComputeAnswer> read_given(Reader& reader) {
  const std::size_t size = TRY(read_size(reader, "a record", record_bytes_max));
  const ByteView bytes = TRY(reader.bytes(size));
  return RecordGiven{TRY(decode_record(bytes))};
}

Result<ComputeAnswer> read_refused(Reader& reader) {
  ComputeRefused refused;
  refused.code = static_cast<Code>(TRY(reader.u16()));
  const std::size_t size = TRY(reader.u8());
  refused.why = base::as_text(TRY(reader.bytes(size)));
  return refused;
}

Result<ComputeAnswer> read_first(Reader& reader) {
  FirstGiven given;
  const std::size_t record = TRY(read_size(reader, "a record", first_pass_record_bytes_max));
  given.first.record = base::to_bytes(TRY(reader.bytes(record)));
  const std::size_t proof = TRY(read_size(reader, "a proof", first_pass_proof_bytes_max));
  given.first.proof = base::to_bytes(TRY(reader.bytes(proof)));
  return given;
}

Result<ComputeAnswer> read_answer(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  switch (static_cast<Kind>(kind)) {
    case Kind::shown: return read_shown(reader);
    case Kind::record: return read_given(reader);
    case Kind::taken: return StatementsTaken{TRY(reader.u16())};
    case Kind::refused: return read_refused(reader);
    case Kind::first: return read_first(reader);
    case Kind::show:
    case Kind::want_record:
    case Kind::carry:
    case Kind::want_first: break;
  }
  return fail(Code::unsupported, base::format("an answer of kind {}", kind));
}

}  // namespace

Bytes encode(const ComputeRequest& request) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(Overload{[&](const ShowPart& show) {
                        write_kind(writer, Kind::show);
                        writer.u64(show.job.value);
                        writer.u64(show.task.value);
                        writer.u8(show.pass);
                        writer.u8(show.part);
                      },
                      [&](const WantRecord& want) {
                        write_kind(writer, Kind::want_record);
                        writer.u16(static_cast<std::uint16_t>(want.cid.bytes().size()));
                        writer.bytes(want.cid.bytes());
                      },
                      [&](const CarryThese& carry) {
                        write_kind(writer, Kind::carry);
                        writer.u16(static_cast<std::uint16_t>(carry.statements.size()));
                        for (const JobStatement& statement : carry.statements) {
                          writer.bytes(encode_statement(statement));
                        }
                      },
                      [&](const WantFirst& want) {
                        write_kind(writer, Kind::want_first);
                        writer.u64(want.job.value);
                        writer.u64(want.task.value);
                      }},
             request);
  return bytes;
}

Result<ComputeRequest> decode_compute_request(ByteView bytes) {
  Reader reader(bytes);
  ComputeRequest request = TRY(read_request(reader));
  TRY_VOID(reader.finish());
  return request;
}

Bytes encode(const ComputeAnswer& answer) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(Overload{[&](const PartShown& shown) {
                        write_kind(writer, Kind::shown);
                        writer.u8(static_cast<std::uint8_t>(shown.roots.size()));
                        write_hashes(writer, shown.roots);
                        writer.u16(static_cast<std::uint16_t>(shown.siblings.size()));
                        write_hashes(writer, shown.siblings);
                      },
                      [&](const RecordGiven& given) {
                        write_kind(writer, Kind::record);
                        const Bytes record = encode_record(given.record);
                        writer.u16(static_cast<std::uint16_t>(record.size()));
                        writer.bytes(record);
                      },
                      [&](const StatementsTaken& taken) {
                        write_kind(writer, Kind::taken);
                        writer.u16(taken.count);
                      },
                      [&](const ComputeRefused& refused) {
                        write_kind(writer, Kind::refused);
                        writer.u16(static_cast<std::uint16_t>(refused.code));
                        const std::string why = refused.why.substr(0, why_bytes_max);
                        writer.u8(static_cast<std::uint8_t>(why.size()));
                        writer.bytes(base::as_bytes(why));
                      },
                      [&](const FirstGiven& given) {
                        write_kind(writer, Kind::first);
                        for (const Bytes* some : {&given.first.record, &given.first.proof}) {
                          writer.u16(static_cast<std::uint16_t>(some->size()));
                          writer.bytes(*some);
                        }
                      }},
             answer);
  return bytes;
}

Result<ComputeAnswer> decode_compute_answer(ByteView bytes) {
  Reader reader(bytes);
  ComputeAnswer answer = TRY(read_answer(reader));
  TRY_VOID(reader.finish());
  return answer;
}

}  // namespace kith::codec

#include "rt/compute_checkpoint.h"

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "crypto/hash.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

constexpr std::string_view tag = "kith/collatz/checkpoint/";
constexpr std::uint8_t version = '2';
constexpr std::size_t file_bytes_max = pieces_max / 8 + 4096;
constexpr unsigned limbs = Big::bits_max / 64;

void put(codec::Writer& writer, U128 value) {
  writer.u64(static_cast<std::uint64_t>(value >> 64));
  writer.u64(static_cast<std::uint64_t>(value));
}
void put(codec::Writer& writer, Big value) {
  for (unsigned i = 0; i < limbs; ++i) {
    writer.u64(value.low());
    value.shift_right(64);
  }
}
/// 0 for none: no number is 0.
void put(codec::Writer& writer, const std::optional<U128>& value) {
  put(writer, value.value_or(0));
}

Result<U128> get_wide(codec::Reader& reader) {
  const U128 high = TRY(reader.u64());
  return (high << 64) | TRY(reader.u64());
}
Result<Big> get_big(codec::Reader& reader) {
  std::vector<std::uint64_t> low_first;
  for (unsigned i = 0; i < limbs; ++i) low_first.push_back(TRY(reader.u64()));
  Big value;
  for (unsigned i = limbs; i-- > 0;) {
    constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
    const bool fits = value.mul_add(two32, 0) && value.mul_add(two32, low_first[i]);
    ASSERT(fits);
  }
  return value;
}
Result<std::optional<U128>> get_optional(codec::Reader& reader) {
  const U128 value = TRY(get_wide(reader));
  return value == 0 ? std::optional<U128>() : std::optional<U128>(value);
}

char printable(std::uint8_t byte) {
  return byte >= ' ' && byte <= '~' ? static_cast<char>(byte) : '?';
}

}  // namespace

Bytes encode_checkpoint(const ComputeCheckpoint& checkpoint) {
  Bytes out;
  codec::Writer writer(out);
  writer.bytes(base::as_bytes(tag));
  writer.u8(version);
  writer.u16(results_version);
  put(writer, checkpoint.from);
  put(writer, checkpoint.to);
  writer.u8(checkpoint.is_fast ? 1 : 0);
  writer.u64(checkpoint.done.size());
  Bytes bits((checkpoint.done.size() + 7) / 8);
  for (std::size_t i = 0; i < checkpoint.done.size(); ++i) {
    if (checkpoint.done[i]) bits[i / 8] |= static_cast<std::uint8_t>(1u << (i % 8));
  }
  writer.bytes(bits);
  const RangeResult& result = checkpoint.result;
  put(writer, result.count);
  writer.u64(result.checksum);
  put(writer, result.counterexample);
  put(writer, result.exact.count);
  put(writer, result.exact.peak);
  put(writer, result.exact.peak_at);
  writer.u64(result.exact.steps);
  put(writer, result.exact.steps_at);
  writer.u64(result.exact.steps_sum);
  put(writer, result.exact.suspect);
  const auto digest = crypto::sha256(out);
  writer.bytes(digest);
  return out;
}

Result<ComputeCheckpoint> decode_checkpoint(ByteView bytes) {
  codec::Reader reader(bytes);
  if (!base::equal(TRY(reader.bytes(tag.size())), base::as_bytes(tag))) {
    return fail(Code::malformed, "this is no checkpoint of kith collatz verify");
  }
  if (const auto got = TRY(reader.u8()); got != version) {
    return fail(Code::unsupported,
                base::format("a checkpoint of format '{}', this version reads '{}': what was kept "
                             "by another one may be other results; begin anew with another file, "
                             "or end it with the version that began it",
                             printable(got), static_cast<char>(version)));
  }
  if (const auto got = TRY(reader.u16()); got != results_version) {
    return fail(Code::unsupported,
                base::format("a checkpoint of results {}, this version's are {}: they do not add "
                             "up; begin anew with another file, or end it with the version that "
                             "began it",
                             got, results_version));
  }
  ComputeCheckpoint checkpoint;
  checkpoint.from = TRY(get_wide(reader));
  checkpoint.to = TRY(get_wide(reader));
  checkpoint.is_fast = TRY(reader.u8()) != 0;
  const std::uint64_t pieces = TRY(reader.u64());
  if (pieces > pieces_max) {
    return fail(Code::too_large, base::format("a checkpoint of {} pieces", pieces));
  }
  const ByteView bits = TRY(reader.bytes((pieces + 7) / 8));
  for (std::uint64_t i = 0; i < pieces; ++i) {
    checkpoint.done.push_back(((bits[i / 8] >> (i % 8)) & 1) != 0);
  }
  RangeResult& result = checkpoint.result;
  result.count = TRY(get_wide(reader));
  result.checksum = TRY(reader.u64());
  result.counterexample = TRY(get_optional(reader));
  result.exact.count = TRY(get_wide(reader));
  result.exact.peak = TRY(get_big(reader));
  result.exact.peak_at = TRY(get_wide(reader));
  result.exact.steps = TRY(reader.u64());
  result.exact.steps_at = TRY(get_wide(reader));
  result.exact.steps_sum = TRY(reader.u64());
  result.exact.suspect = TRY(get_optional(reader));
  TRY(reader.bytes(sizeof(crypto::Hash256)));
  TRY_VOID(reader.finish());
  // One encoding a value, and no bit of it that was turned on the disk.
  if (!base::equal(encode_checkpoint(checkpoint), bytes)) {
    return fail(Code::malformed, "the checkpoint is damaged: its hash does not fit");
  }
  return checkpoint;
}

Result<void> save_checkpoint(const std::string& path, const ComputeCheckpoint& checkpoint) {
  return write_file_atomic(path, encode_checkpoint(checkpoint), public_file_mode);
}

Result<ComputeCheckpoint> load_checkpoint(const std::string& path) {
  return decode_checkpoint(TRY(read_file(path, file_bytes_max)));
}

}  // namespace kith::rt

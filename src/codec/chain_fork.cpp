#include "codec/chain_fork.h"

#include <algorithm>

#include "base/format.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t fork_format = 1;
constexpr std::size_t fork_set_bytes_max = 3 + validators_in_set_max * 40;

}  // namespace

Bytes encode(const ForkRecord& proof) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(fork_format);
  writer.bytes(proof.genesis);
  writer.u64(proof.height.value);
  writer.bytes(proof.floor);
  writer.sized(proof.validators.encode());
  writer.u8(proof.first ? 1 : 0);
  if (proof.first) writer.sized(encode(*proof.first));
  writer.sized(encode(proof.second));
  return bytes;
}

Result<ForkRecord> decode_fork_record(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != fork_format) {
    return fail(Code::unsupported, base::format("a proof of a fork in format {}", format));
  }
  Hash genesis{};
  Hash floor{};
  std::ranges::copy(TRY(reader.bytes(genesis.size())), genesis.begin());
  const Height height{TRY(reader.u64())};
  std::ranges::copy(TRY(reader.bytes(floor.size())), floor.begin());
  const ByteView set = TRY(reader.sized(fork_set_bytes_max));
  ValidatorSet validators = TRY(ValidatorSet::decode(set));
  const std::uint8_t has_first = TRY(reader.u8());
  if (has_first > 1) return fail(Code::malformed, base::format("{} first certificates", has_first));
  std::optional<Certificate> first;
  if (has_first == 1) {
    const ByteView held = TRY(reader.sized(certificate_bytes_max));
    first = TRY(decode_certificate(held));
  }
  const ByteView other = TRY(reader.sized(certificate_bytes_max));
  Certificate second = TRY(decode_certificate(other));
  TRY_VOID(reader.finish());
  return ForkRecord{genesis,          height, std::move(validators),
                    std::move(first), floor,  std::move(second)};
}

Result<void> verify(const ForkRecord& proof) {
  if (proof.first) TRY_VOID(verify(*proof.first, proof.genesis, proof.validators));
  TRY_VOID(verify(proof.second, proof.genesis, proof.validators));
  if (proof.first && proof.first->statement == proof.second.statement) {
    return fail(Code::malformed, "two certificates that say the same");
  }
  return {};
}

std::string fork_file_name(Height height) { return base::format("fork-{}.proof", height.value); }

}  // namespace kith::codec

#include "codec/chain_validators.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t encoding_version = 1;

Result<void> check(const std::vector<Validator>& sorted) {
  if (sorted.empty() || sorted.size() > validators_in_set_max) {
    return fail(Code::too_large, base::format("a set of {} validators: 1 to {}", sorted.size(),
                                              validators_in_set_max));
  }
  Weight total = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && !(sorted[i - 1].key < sorted[i].key)) {
      return fail(Code::malformed,
                  base::format("validator {} twice, or out of order", base::to_hex(sorted[i].key)));
    }
    if (sorted[i].weight == 0) {
      return fail(Code::malformed,
                  base::format("validator {} weighs nothing", base::to_hex(sorted[i].key)));
    }
    if (sorted[i].weight > weight_sum_max - total) {
      return fail(Code::too_large,
                  base::format("validators weigh over {} together", weight_sum_max));
    }
    total += sorted[i].weight;
  }
  return {};
}

}  // namespace

ValidatorSet::ValidatorSet(std::vector<Validator> sorted) : validators_(std::move(sorted)) {
  for (const Validator& validator : validators_) total_ += validator.weight;
  root_ = tagged_hash("kith/validators/1", {encode()});
}

Result<ValidatorSet> ValidatorSet::make(std::vector<Validator> validators) {
  std::ranges::sort(validators, {}, &Validator::key);
  TRY_VOID(check(validators));
  return ValidatorSet(std::move(validators));
}

Result<ValidatorSet> ValidatorSet::decode(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != encoding_version) {
    return fail(Code::unsupported, base::format("validators of version {}", version));
  }
  const std::uint16_t count = TRY(reader.u16());
  if (count > validators_in_set_max) {
    return fail(Code::too_large,
                base::format("a set of {} validators: 1 to {}", count, validators_in_set_max));
  }
  std::vector<Validator> validators(count);
  for (Validator& validator : validators) {
    std::ranges::copy(TRY(reader.bytes(validator.key.size())), validator.key.begin());
    validator.weight = TRY(reader.u64());
  }
  TRY_VOID(reader.finish());
  TRY_VOID(check(validators));
  return ValidatorSet(std::move(validators));
}

Bytes ValidatorSet::encode() const {
  Bytes bytes;
  bytes.reserve(3 + validators_.size() * 40);
  Writer writer(bytes);
  writer.u8(encoding_version);
  writer.u16(static_cast<std::uint16_t>(validators_.size()));
  for (const Validator& validator : validators_) {
    writer.bytes(validator.key);
    writer.u64(validator.weight);
  }
  return bytes;
}

std::optional<ValidatorIndex> ValidatorSet::index_of(const ValidatorKey& key) const {
  const auto at = std::ranges::lower_bound(validators_, key, {}, &Validator::key);
  if (at == validators_.end() || at->key != key) return std::nullopt;
  return static_cast<ValidatorIndex>(at - validators_.begin());
}

}  // namespace kith::codec

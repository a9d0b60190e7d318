#include "codec/chain_job_check.h"

#include <algorithm>
#include <bit>

#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr int permutation_rounds = 4;

std::uint64_t first_u64(const Hash& hash) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | hash[i];
  return number;
}

void write_name(Writer& writer, const TaskName& name) {
  writer.u64(name.job.value);
  writer.u64(name.task.value);
  writer.u8(name.pass);
}

}  // namespace

std::uint8_t parts_of(std::uint16_t checked) {
  return static_cast<std::uint8_t>((checked + part_units_max - 1) / part_units_max);
}

std::uint16_t units_checked(const JobSpec& spec, std::uint32_t passed) {
  const std::uint64_t n = spec.units;
  const std::uint64_t falling = 2 * n / (std::uint64_t{passed} + 1);
  const auto checked =
      static_cast<std::uint16_t>(std::max<std::uint64_t>(spec.checked_min, std::min(n, falling)));
  const std::uint16_t parts = parts_of(checked);
  return static_cast<std::uint16_t>((checked + parts - 1) / parts * parts);
}

std::optional<std::uint32_t> passes_to_mature(const JobSpec& spec, std::uint16_t cheats) {
  ASSERT(cheats >= 1 && cheats < 5'000);
  constexpr std::uint64_t ten_to_13 = 10'000'000'000'000;
  constexpr std::uint64_t e_in_thousandths = 2'718;  // rounded down: M is never too small by it
  const std::uint64_t honest = 10'000u - cheats;
  const std::uint64_t below = honest * honest * e_in_thousandths * spec.eps_ppm * spec.checked_min;
  const std::uint64_t passes = (cheats * ten_to_13 + below - 1) / below;
  if (passes > 255) return std::nullopt;
  return static_cast<std::uint32_t>(passes);
}

Hash task_commitment(const TaskName& name, SlotId slot, const ChainKey& worker, const Hash& root) {
  Bytes bytes;
  Writer writer(bytes);
  write_name(writer, name);
  writer.u32(slot.value);
  return tagged_hash("kith/commit/1", {name.genesis, bytes, worker, root});
}

Hash check_commitment(const TaskName& name, std::uint8_t part, const ChainKey& checker,
                      const Hash& got) {
  Bytes bytes;
  Writer writer(bytes);
  write_name(writer, name);
  writer.u8(part);
  return tagged_hash("kith/check/1", {name.genesis, bytes, checker, got});
}

Hash units_seed(const Hash& beacon, const TaskName& name, SlotId slot) {
  Bytes bytes;
  Writer writer(bytes);
  write_name(writer, name);
  writer.u32(slot.value);
  return tagged_hash("kith/units-seed/1", {beacon, bytes});
}

std::uint16_t permuted_unit(const Hash& seed, std::uint16_t units, std::uint16_t place) {
  ASSERT(std::has_single_bit(units) && place < units);
  const int bits = std::countr_zero(units) / 2;
  const auto mask = static_cast<std::uint16_t>((1u << bits) - 1);
  auto left = static_cast<std::uint16_t>(place >> bits);
  auto right = static_cast<std::uint16_t>(place & mask);
  for (int round = 0; round < permutation_rounds; ++round) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(round));
    writer.u16(right);
    const std::uint64_t mixed = first_u64(tagged_hash("kith/units/1", {seed, bytes}));
    const auto next = static_cast<std::uint16_t>(left ^ (mixed & mask));
    left = right;
    right = next;
  }
  return static_cast<std::uint16_t>(left << bits | right);
}

std::vector<std::uint16_t> units_of_part(const Hash& seed, const JobSpec& spec, std::uint8_t part,
                                         std::uint16_t checked) {
  const std::uint16_t size = static_cast<std::uint16_t>(checked / parts_of(checked));
  std::vector<std::uint16_t> units;
  units.reserve(size);
  for (std::uint16_t i = 0; i < size; ++i) {
    const auto place = static_cast<std::uint16_t>(part * size + i);
    units.push_back(permuted_unit(seed, spec.units, place));
  }
  std::ranges::sort(units);
  return units;
}

std::uint64_t draw_of(const Hash& beacon, JobId job, SlotId slot, TaskIndex task, std::uint8_t part,
                      std::uint8_t tried) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u64(job.value);
  writer.u32(slot.value);
  writer.u64(task.value);
  writer.u8(part);
  writer.u8(tried);
  return first_u64(tagged_hash("kith/draw/1", {beacon, bytes}));
}

Hash lease_order_of(const Hash& beacon, SlotId slot) {
  Bytes bytes;
  Writer(bytes).u32(slot.value);
  return tagged_hash("kith/lease/1", {beacon, bytes});
}

}  // namespace kith::codec

#include "compute/collatz/gpu_kernel.h"

#include <algorithm>

#include "base/format.h"
#include "compute/collatz/finish.h"

namespace kith::compute::collatz {
namespace {

using Words = std::vector<std::uint32_t>;

// Sizes and places in words, as gpu_source.cpp has them.
constexpr std::size_t record_words = 8;
constexpr std::size_t params_words = 4096;
constexpr std::size_t ways_at = 1024;
constexpr std::size_t slices_at = 16;
constexpr std::size_t slice_words = 12;
constexpr std::size_t slices_max = std::size_t{1} << Unit::slice_bits_max;
constexpr std::size_t state_words = slices_at + slice_words * slices_max;
constexpr std::size_t prefixes_max = std::size_t{1} << 16;
constexpr std::size_t rest_max = std::size_t{1} << 14;
/// Progressions of a batch are counted in 32 bits, and every lane asks once more than there are.
constexpr std::uint64_t streams_max = std::uint64_t{1} << 31;
/// Classes times a's of a batch, over the classes that a shape allows: so many a's are usual.
constexpr unsigned usual_a_bits = 15;
constexpr unsigned residues = 5;  // of nine that rule 2 leaves

enum class RestKind : std::uint32_t { number, escaped, leaf };

U128 wide_of(const std::uint32_t* words) {
  U128 value = 0;
  for (unsigned i = 4; i-- > 0;) value = (value << 32) | words[i];
  return value;
}
std::uint64_t pair_of(const std::uint32_t* words) {
  return words[0] | (std::uint64_t{words[1]} << 32);
}
void put(std::uint32_t* words, U128 value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) words[i] = static_cast<std::uint32_t>(value >> (32 * i));
}
ByteView bytes_of(std::span<const std::uint32_t> words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()};
}
ByteSpan bytes_of(std::span<std::uint32_t> words) {
  return {reinterpret_cast<std::uint8_t*>(words.data()), words.size_bytes()};
}

/// As bytes, four a word: by k and kind, and behind them the kinds.
void put_ways(const WaysBack& ways, std::uint32_t* words) {
  std::size_t at = 0;
  const auto put_byte = [&](std::uint32_t byte) {
    words[at / 4] |= byte << (8 * (at % 4));
    ++at;
  };
  for (const auto& of_k : ways.growing_from) std::ranges::for_each(of_k, put_byte);
  std::ranges::for_each(ways.kind_of, put_byte);
}
constexpr std::size_t ways_bytes = (Unit::sieve_bits_max + 1) * WaysBack::kinds_max + back_modulus;
static_assert(ways_at * sizeof(std::uint32_t) + ways_bytes <= params_words * sizeof(std::uint32_t));
static_assert(WaysBack::kinds_max == 32 && Unit::sieve_bits_max == 60);  // of gpu_source.cpp

/// Everything of the plan that does not change between batches.
Words params_of(const Plan& plan) {
  const Unit& unit = plan.unit();
  const U128 a_last = unit.a_first + (unit.a_count - 1);
  Words p(params_words);
  p[1] = plan.free_bits_left();
  p[2] = plan.depth();
  p[3] = unit.sieve_bits;
  put(&p[4], plan.fixed_left(), 2);
  p[6] = static_cast<std::uint32_t>((unit.map.increment + 1) / 2);
  p[7] = static_cast<std::uint32_t>(unit.start() % 9);
  put(&p[8], unit.a_first, 4);
  p[12] = static_cast<std::uint32_t>(unit.a_count);
  p[13] = bit_width(a_last);
  p[23] = static_cast<std::uint32_t>(slices_max >> unit.slice_bits);
  put(&p[16], plan.threshold(), 4);
  for (std::size_t pattern = 0; pattern < plan.patterns().size(); ++pattern) {
    std::uint32_t* const words = &p[32 + 8 * pattern];
    for (std::size_t i = 0; i < residues; ++i) {
      const std::uint32_t offset = plan.patterns()[pattern].offsets[i];
      words[i] = offset;
      words[5] +=
          static_cast<std::uint32_t>(unit.a_count / 9 + (offset < unit.a_count % 9 ? 1 : 0));
      words[6] |= 1u << offset;
    }
  }
  for (unsigned i = 0; i <= Unit::sieve_bits_max; ++i) put(&p[128 + 4 * i], power3(i), 4);
  const auto table = make_step_table<9>(unit.map);
  for (std::size_t i = 0; i < table.entries.size(); ++i) {
    p[512 + i] = table.entries[i].factor | (table.entries[i].addend << 16);
  }
  put_ways(plan.ways(), &p[ways_at]);
  return p;
}

class GpuKernel : public Kernel {
 public:
  GpuKernel(std::unique_ptr<GpuDevice> device, const GpuShape& shape)
      : device_(std::move(device)),
        name_(device_->name()),
        items_max_(std::size_t{1} << shape.items_bits),
        nines_(shape.nines) {}

  std::array<std::size_t, gpu_buffers> buffer_bytes() const {
    constexpr std::size_t word = sizeof(std::uint32_t);
    return {
        params_words * word, prefixes_max * record_words * word, items_max_ * record_words * word,
        state_words * word,  items_max_ * record_words * word,   rest_max * record_words * word};
  }
  GpuDevice& device() { return *device_; }

  std::string_view name() const override { return name_; }
  std::uint32_t slices_at_once() const override { return slices_max; }
  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override;

 private:
  void collect_prefixes(const Plan& plan, std::uint32_t first, std::size_t slices);
  std::size_t prefixes_at_once(const Unit& unit) const;
  Result<bool> run_batch(const Plan& plan, std::size_t begin, std::size_t count);
  Result<void> compute(const Plan& plan, std::size_t begin, std::size_t count);
  Result<void> finish_rest(const Plan& plan, std::size_t count);
  std::uint32_t slice_of(std::size_t prefix) const {
    return prefixes_[record_words * prefix + 5] >> 16;
  }

  std::unique_ptr<GpuDevice> device_;
  std::string name_;
  std::size_t items_max_;  // classes a batch; as many numbers may be written down
  std::uint32_t nines_;
  std::unique_ptr<Kernel> scalar_ = make_scalar_kernel();
  // Of the run.
  Words params_, state_;
  std::uint32_t first_ = 0;
  std::span<SliceResult> out_;
  // Units of a range have them in common.
  Words prefixes_;
  std::shared_ptr<const Prefixes> collected_;
  std::uint32_t collected_first_ = 0;
  std::size_t collected_slices_ = 0;
};

Result<void> GpuKernel::run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) {
  // Numbers that have not stopped would all have escaped.
  if (plan.threshold() > escape_at) return scalar_->run(plan, first, out);
  std::ranges::fill(out, SliceResult());
  first_ = first;
  out_ = out;
  params_ = params_of(plan);
  collect_prefixes(plan, first, out.size());
  const std::size_t count = prefixes_.size() / record_words;
  std::size_t at_once = prefixes_at_once(plan.unit());
  std::vector<std::uint32_t> undone;
  for (std::size_t begin = 0; begin < count;) {
    const std::size_t batch = std::min(at_once, count - begin);
    if (TRY(run_batch(plan, begin, batch))) {
      begin += batch;
    } else if (batch > 1) {
      at_once = batch / 2;  // a list was full
    } else {
      undone.push_back(slice_of(begin));
      ++begin;
    }
  }
  for (const std::uint32_t slice : undone) {
    TRY_VOID(scalar_->run(plan, slice, out.subspan(slice - first, 1)));
  }
  return {};
}

void GpuKernel::collect_prefixes(const Plan& plan, std::uint32_t first, std::size_t slices) {
  if (collected_ == plan.all_prefixes() && first == collected_first_ &&
      slices == collected_slices_) {
    return;
  }
  collected_ = plan.all_prefixes();
  collected_first_ = first;
  collected_slices_ = slices;
  prefixes_.clear();
  for (std::uint32_t slice = first; slice < first + slices; ++slice) {
    for (const SieveNode& node : plan.prefixes(slice)) {
      std::array<std::uint32_t, record_words> words{};
      words[0] = static_cast<std::uint32_t>(node.b);
      put(&words[1], static_cast<U128>(node.d), 2);
      // Not -1: b = 0 falls below itself at once.
      put(&words[3], static_cast<U128>(node.neighbour_d), 2);
      words[5] = node.c | (std::uint32_t{node.neighbour_c} << 8) | (slice << 16);
      words[6] = node.residue;
      prefixes_.insert(prefixes_.end(), words.begin(), words.end());
    }
  }
}

std::size_t GpuKernel::prefixes_at_once(const Unit& unit) const {
  const std::size_t items =
      std::clamp<std::size_t>((items_max_ << usual_a_bits) / unit.a_count, 1, items_max_);
  return std::clamp<std::size_t>(items >> params_[1], 1, prefixes_max);
}

/// False when it wrote down more than there is room for: none of it counts then.
Result<bool> GpuKernel::run_batch(const Plan& plan, std::size_t begin, std::size_t count) {
  TRY_VOID(compute(plan, begin, count));
  const std::size_t records = state_[3];
  const std::size_t rest = state_[4];
  if (records > items_max_ || rest > rest_max) return false;
  for (std::uint32_t slice = slice_of(begin); slice <= slice_of(begin + count - 1); ++slice) {
    const std::size_t places = params_[23];
    SliceResult& result = out_[slice - first_];
    for (std::size_t place = slice * places; place < (slice + 1) * places; ++place) {
      const std::uint32_t* const words = &state_[slices_at + slice_words * place];
      result.stop_sum += pair_of(words);
      result.candidates += pair_of(words + 2);
      result.escapes += pair_of(words + 4);
      result.peak = std::max(result.peak, Big(wide_of(words + 8)));
    }
  }
  if (rest > 0) TRY_VOID(finish_rest(plan, rest));
  return true;
}

Result<void> GpuKernel::compute(const Plan& plan, std::size_t begin, std::size_t count) {
  const Unit& unit = plan.unit();
  const std::uint64_t items = std::uint64_t{count} << params_[1];
  const std::uint64_t nines = (unit.a_count + 8) / 9;
  const std::uint64_t parts = std::clamp<std::uint64_t>(
      (nines + nines_ / 2) / nines_, 1, std::max<std::uint64_t>(1, streams_max / residues / items));
  params_[0] = static_cast<std::uint32_t>(count);
  params_[14] = static_cast<std::uint32_t>((nines + parts - 1) / parts);
  params_[15] = static_cast<std::uint32_t>(parts);
  params_[20] = static_cast<std::uint32_t>(items);
  params_[21] = static_cast<std::uint32_t>(items_max_);
  params_[22] = rest_max;
  const auto prefixes =
      std::span(std::as_const(prefixes_)).subspan(record_words * begin, record_words * count);
  state_.resize(state_words);
  TRY_VOID(device_->write(GpuBuffer::params, bytes_of(std::as_const(params_))));
  TRY_VOID(device_->write(GpuBuffer::prefixes, bytes_of(prefixes)));
  TRY_VOID(device_->clear(GpuBuffer::state, state_words * sizeof(std::uint32_t)));
  const bool is_aligned = static_cast<std::uint32_t>(plan.threshold()) == 0;
  for (const GpuEntry entry :
       {GpuEntry::leaves, is_aligned ? GpuEntry::numbers : GpuEntry::numbers_any,
        GpuEntry::wide_leaves, GpuEntry::follow, GpuEntry::peak3, GpuEntry::peak2, GpuEntry::peak1,
        GpuEntry::peak0}) {
    TRY_VOID(device_->launch(entry));
  }
  return device_->read(GpuBuffer::state, bytes_of(std::span(state_)));
}

Result<void> GpuKernel::finish_rest(const Plan& plan, std::size_t count) {
  Words rest(count * record_words);
  TRY_VOID(device_->read(GpuBuffer::rest, bytes_of(std::span(rest))));
  const Finisher finisher(plan);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t* const words = &rest[record_words * i];
    const std::uint32_t slice = words[6] & 0xFFFF;
    if (slice < first_ || slice - first_ >= out_.size()) {
      return fail(Code::internal, base::format("{} gave a number of slice {}", name_, slice));
    }
    SliceResult& result = out_[slice - first_];
    switch (static_cast<RestKind>(words[7])) {
      case RestKind::number: finisher.finish(wide_of(words), result); break;
      case RestKind::escaped: finisher.finish_escaped(wide_of(words), result); break;
      case RestKind::leaf:
        finisher.finish_leaf({pair_of(words + 4), words[6] >> 16, wide_of(words)}, result);
        break;
    }
  }
  return {};
}

class FallbackKernel : public Kernel {
 public:
  FallbackKernel(std::unique_ptr<Kernel> first, std::unique_ptr<Kernel> then,
                 std::function<void(const Error&)> on_loss)
      : first_(std::move(first)), then_(std::move(then)), on_loss_(std::move(on_loss)) {}

  std::string_view name() const override { return active().name(); }
  std::uint32_t slices_at_once() const override { return active().slices_at_once(); }

  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    if (first_) {
      const auto done = first_->run(plan, first, out);
      if (done) return done;
      first_.reset();
      on_loss_(done.error());
    }
    return then_->run(plan, first, out);
  }

 private:
  const Kernel& active() const { return first_ ? *first_ : *then_; }

  std::unique_ptr<Kernel> first_;
  std::unique_ptr<Kernel> then_;
  std::function<void(const Error&)> on_loss_;
};

}  // namespace

Result<std::unique_ptr<Kernel>> make_gpu_kernel(std::unique_ptr<GpuDevice> device,
                                                const GpuShape& shape) {
  TRY_VOID(check_shape(shape));
  auto kernel = std::make_unique<GpuKernel>(std::move(device), shape);
  TRY_VOID(kernel->device().build(shape, kernel->buffer_bytes()));
  return kernel;
}

std::unique_ptr<Kernel> make_fallback_kernel(std::unique_ptr<Kernel> first,
                                             std::unique_ptr<Kernel> then,
                                             std::function<void(const Error&)> on_loss) {
  return std::make_unique<FallbackKernel>(std::move(first), std::move(then), std::move(on_loss));
}

}  // namespace kith::compute::collatz

#include "codec/tlv.h"

#include <bit>
#include <cmath>
#include <type_traits>

#include "base/format.h"
#include "base/machine.h"
#include "codec/printable.h"
#include "codec/reader.h"
#include "codec/utf8.h"
#include "codec/writer.h"

namespace kith::codec {

namespace {

Error too_deep(std::size_t depth_max) {
  return {Code::too_large, base::format("TLV nested more than {} deep", depth_max)};
}

Error too_many(std::uint64_t items, std::size_t items_max) {
  return {Code::too_large, base::format("TLV of {} values or more, limit {}", items, items_max)};
}

Error too_long(std::size_t size, std::size_t bytes_max) {
  return {Code::too_large, base::format("TLV of {} bytes or more, limit {}", size, bytes_max)};
}

Result<void> check_text(std::string_view text) {
  if (is_utf8(base::as_bytes(text))) return {};
  return fail(Code::malformed, base::format("TLV string {} is not UTF-8", printable(text)));
}

class Encoder {
 public:
  explicit Encoder(const TlvLimits& limits) : limits_(limits) {}

  Result<void> add(const TlvValue& value, std::size_t depth) {
    if (++items_ > limits_.items_max) return fail(too_many(items_, limits_.items_max));
    TRY_VOID(std::visit(
        Overload{
            [&](std::monostate) { return tag(TlvTag::null); },
            [&](bool v) { return tag(v ? TlvTag::yes : TlvTag::no); },
            [&](std::uint8_t v) { return tag(TlvTag::u8, v); },
            [&](std::uint16_t v) { return tag(TlvTag::u16, v); },
            [&](std::uint32_t v) { return tag(TlvTag::u32, v); },
            [&](std::uint64_t v) { return tag(TlvTag::u64, v); },
            [&](std::int8_t v) { return tag(TlvTag::i8, static_cast<std::uint8_t>(v)); },
            [&](std::int16_t v) { return tag(TlvTag::i16, static_cast<std::uint16_t>(v)); },
            [&](std::int32_t v) { return tag(TlvTag::i32, static_cast<std::uint32_t>(v)); },
            [&](std::int64_t v) { return tag(TlvTag::i64, static_cast<std::uint64_t>(v)); },
            [&](float v) { return number<std::uint32_t>(TlvTag::f32, v); },
            [&](double v) { return number<std::uint64_t>(TlvTag::f64, v); },
            [&](const Bytes& v) { return run(TlvTag::bytes, v); },
            [&](const std::string& v) { return string(v); },
            [&](const TlvValue::List& v) { return list(v, depth); },
            [&](const TlvValue::Map& v) { return map(v, depth); },
        },
        value.value));
    return check_size(0);
  }

  Bytes take() { return std::move(out_); }

 private:
  Result<void> check_size(std::size_t more) const {
    if (more <= limits_.bytes_max && out_.size() <= limits_.bytes_max - more) return {};
    return fail(too_long(out_.size() + more, limits_.bytes_max));
  }

  Result<void> tag(TlvTag tag) {
    writer_.u8(static_cast<std::uint8_t>(tag));
    return {};
  }

  template <class T>
  Result<void> tag(TlvTag tag, T bits) {
    writer_.u8(static_cast<std::uint8_t>(tag));
    if constexpr (sizeof(T) == 1) writer_.u8(bits);
    if constexpr (sizeof(T) == 2) writer_.u16(bits);
    if constexpr (sizeof(T) == 4) writer_.u32(bits);
    if constexpr (sizeof(T) == 8) writer_.u64(bits);
    return {};
  }

  template <class BitsType, class T>
  Result<void> number(TlvTag number_tag, T value) {
    if (std::isnan(value)) return fail(Code::malformed, "TLV has no encoding for NaN");
    if (value == T{0}) value = T{0};  // -0 equals it, and equal values have one encoding
    return tag(number_tag, std::bit_cast<BitsType>(value));
  }

  Result<void> run(TlvTag run_tag, ByteView bytes) {
    TRY_VOID(check_size(bytes.size()));
    TRY_VOID(tag(run_tag));
    writer_.sized(bytes);
    return {};
  }

  Result<void> string(std::string_view text) {
    TRY_VOID(check_text(text));
    return run(TlvTag::string, base::as_bytes(text));
  }

  Result<void> list(const TlvValue::List& list, std::size_t depth) {
    if (depth == limits_.depth_max) return fail(too_deep(limits_.depth_max));
    TRY_VOID(tag(TlvTag::list));
    writer_.varint(list.size());
    for (const TlvValue& item : list) TRY_VOID(add(item, depth + 1));
    return {};
  }

  Result<void> map(const TlvValue::Map& map, std::size_t depth) {
    if (depth == limits_.depth_max) return fail(too_deep(limits_.depth_max));
    TRY_VOID(tag(TlvTag::map));
    writer_.varint(map.size());
    for (const auto& [key, item] : map) {
      TRY_VOID(check_text(key));
      TRY_VOID(check_size(key.size()));
      writer_.sized(base::as_bytes(key));
      TRY_VOID(add(item, depth + 1));
    }
    return {};
  }

  const TlvLimits& limits_;
  std::size_t items_ = 0;
  Bytes out_;
  Writer writer_{out_};
};

class Decoder {
 public:
  Decoder(ByteView bytes, const TlvLimits& limits)
      : limits_(limits), items_left_(limits.items_max), reader_(bytes) {}

  /// The one value that all bytes are.
  Result<TlvValue> document() {
    if (items_left_ == 0) return fail(too_many(1, limits_.items_max));
    --items_left_;
    TlvValue value = TRY(next(0));
    TRY_VOID(reader_.finish());
    return value;
  }

 private:
  /// The caller has paid for the value out of items_left_.
  Result<TlvValue> next(std::size_t depth) {
    const std::uint8_t number = TRY(reader_.u8());
    switch (static_cast<TlvTag>(number)) {
      case TlvTag::null: return TlvValue{std::monostate{}};
      case TlvTag::no: return TlvValue{false};
      case TlvTag::yes: return TlvValue{true};
      case TlvTag::u8: return TlvValue{TRY(reader_.u8())};
      case TlvTag::u16: return TlvValue{TRY(reader_.u16())};
      case TlvTag::u32: return TlvValue{TRY(reader_.u32())};
      case TlvTag::u64: return TlvValue{TRY(reader_.u64())};
      case TlvTag::i8: return TlvValue{static_cast<std::int8_t>(TRY(reader_.u8()))};
      case TlvTag::i16: return TlvValue{static_cast<std::int16_t>(TRY(reader_.u16()))};
      case TlvTag::i32: return TlvValue{static_cast<std::int32_t>(TRY(reader_.u32()))};
      case TlvTag::i64: return TlvValue{static_cast<std::int64_t>(TRY(reader_.u64()))};
      case TlvTag::f32: return real(std::bit_cast<float>(TRY(reader_.u32())));
      case TlvTag::f64: return real(std::bit_cast<double>(TRY(reader_.u64())));
      case TlvTag::bytes: return TlvValue{base::to_bytes(TRY(reader_.sized(limits_.bytes_max)))};
      case TlvTag::string: return TlvValue{TRY(text())};
      case TlvTag::list: return list(depth);
      case TlvTag::map: return map(depth);
    }
    return fail(Code::malformed,
                base::format("TLV tag {:#04x} at offset {}", number, reader_.offset() - 1));
  }

  template <class T>
  Result<TlvValue> real(T value) {
    if (std::isnan(value)) {
      return fail(Code::malformed, base::format("TLV NaN before offset {}", reader_.offset()));
    }
    if (value == T{0} && std::signbit(value)) {
      return fail(Code::malformed, base::format("TLV -0 before offset {}", reader_.offset()));
    }
    return TlvValue{value};
  }

  Result<std::string> text() {
    const std::string_view text = base::as_text(TRY(reader_.sized(limits_.bytes_max)));
    TRY_VOID(check_text(text));
    return std::string(text);
  }

  /// Takes a count of values of at least `item_bytes_min` each, and pays for them: what is then
  /// reserved is bounded by the bytes that are there.
  Result<std::size_t> count(std::size_t item_bytes_min) {
    const std::uint64_t count = TRY(reader_.varint());
    if (count > items_left_) {
      return fail(too_many(limits_.items_max - items_left_ + count, limits_.items_max));
    }
    if (count > reader_.remaining() / item_bytes_min) {
      return fail(Code::truncated, base::format("TLV of {} values in {} bytes at offset {}", count,
                                                reader_.remaining(), reader_.offset()));
    }
    items_left_ -= static_cast<std::size_t>(count);
    return static_cast<std::size_t>(count);
  }

  Result<TlvValue> list(std::size_t depth) {
    if (depth == limits_.depth_max) return fail(too_deep(limits_.depth_max));
    const std::size_t size = TRY(count(1));
    TlvValue::List list;
    list.reserve(size);
    for (std::size_t i = 0; i < size; ++i) list.push_back(TRY(next(depth + 1)));
    return TlvValue{std::move(list)};
  }

  Result<TlvValue> map(std::size_t depth) {
    if (depth == limits_.depth_max) return fail(too_deep(limits_.depth_max));
    const std::size_t size = TRY(count(2));
    TlvValue::Map map;
    for (std::size_t i = 0; i < size; ++i) {
      std::string key = TRY(text());
      if (!map.empty() && key <= map.rbegin()->first) {
        return fail(Code::malformed, base::format("TLV key {} does not come after {}",
                                                  printable(key), printable(map.rbegin()->first)));
      }
      TlvValue item = TRY(next(depth + 1));
      map.emplace_hint(map.end(), std::move(key), std::move(item));
    }
    return TlvValue{std::move(map)};
  }

  const TlvLimits& limits_;
  std::size_t items_left_;
  Reader reader_;
};

}  // namespace

Result<Bytes> encode_tlv(const TlvValue& value, const TlvLimits& limits) {
  Encoder encoder(limits);
  TRY_VOID(encoder.add(value, 0));
  return encoder.take();
}

Result<TlvValue> decode_tlv(ByteView bytes, const TlvLimits& limits) {
  if (bytes.size() > limits.bytes_max) return fail(too_long(bytes.size(), limits.bytes_max));
  return Decoder(bytes, limits).document();
}

}  // namespace kith::codec

#include "codec/pb_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <rapidcheck.h>

namespace kith::codec {
namespace {

namespace pb = google::protobuf;
using WireFormat = pb::internal::WireFormatLite;

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

Result<std::vector<PbField>> read_all(ByteView bytes) {
  std::vector<PbField> fields;
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) fields.push_back(*field);
  return fields;
}

Code error_of(std::string_view text) {
  const Bytes bytes = hex(text);
  const auto fields = read_all(bytes);
  EXPECT_FALSE(fields.has_value()) << text;
  return fields ? Code::internal : fields.error().code;
}

// protobuf.dev/programming-guides/encoding: the document's own examples.
TEST(PbWire, ReadsTheExamplesOfTheEncodingGuide) {
  const Bytes bytes = hex("089601120774657374696e67");
  const auto fields = read_all(bytes).value();
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].number, 1u);
  EXPECT_EQ(fields[0].as_varint("a").value(), 150u);
  EXPECT_EQ(fields[1].number, 2u);
  EXPECT_EQ(base::as_text(fields[1].as_bytes("b", 7).value()), "testing");
}

TEST(PbWire, WritesTheExamplesOfTheEncodingGuide) {
  Bytes bytes;
  append_pb_varint(bytes, 1, 150);
  append_pb_bytes(bytes, 2, "testing");
  EXPECT_EQ(base::to_hex(bytes), "089601120774657374696e67");
}

TEST(PbWire, FixedWidthsAreLittleEndian) {
  Bytes bytes;
  append_pb_fixed32(bytes, 1, 0x04030201);
  append_pb_fixed64(bytes, 2, 0x0807060504030201);
  EXPECT_EQ(base::to_hex(bytes), "0d01020304110102030405060708");
  const auto fields = read_all(bytes).value();
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].type, PbType::fixed32);
  EXPECT_EQ(fields[0].value, 0x04030201u);
  EXPECT_EQ(fields[1].value, 0x0807060504030201u);
}

TEST(PbWire, RefusesWhatIsCutShort) {
  EXPECT_EQ(error_of("08"), Code::truncated);
  EXPECT_EQ(error_of("0896"), Code::truncated);
  EXPECT_EQ(error_of("1207746573"), Code::truncated);
  EXPECT_EQ(error_of("0d010203"), Code::truncated);
  EXPECT_EQ(error_of("1101020304050607"), Code::truncated);
  EXPECT_EQ(error_of("12ffffffffffffffffff01"), Code::truncated);
}

TEST(PbWire, A61RefusesGroupsAndReservedTypes) {
  for (const char* key : {"0b", "0c", "0e", "0f"}) EXPECT_EQ(error_of(key), Code::malformed);
}

// Nothing descends into a group, so that its depth costs nothing.
TEST(PbWire, A61ADeepNestOfGroupsEndsAtTheFirst) {
  for (const char* key : {"0b", "0c"}) {
    EXPECT_EQ(read_all(Bytes(100'000, hex(key)[0])).error().code, Code::malformed);
  }
}

TEST(PbWire, A61ALengthOfTwoGibibytesIsNotBelieved) {
  for (const char* length : {"8080808008", "ffffffff07", "ffffffffffffffffff01"}) {
    EXPECT_EQ(error_of("12" + std::string(length)), Code::truncated) << length;
    EXPECT_EQ(error_of("12" + std::string(length) + "616263"), Code::truncated) << length;
  }
}

TEST(PbWire, RefusesFieldNumbersOutOfRange) {
  EXPECT_EQ(error_of("0001"), Code::malformed);
  EXPECT_EQ(error_of("808080801001"), Code::malformed);  // 2^29
  const Bytes last = hex("f8ffffff0f01");                // 2^29 - 1
  EXPECT_EQ(read_all(last).value().at(0).number, pb_field_number_max);
}

TEST(PbWire, VarintsHaveAtMost64Bits) {
  const Bytes most = hex("08ffffffffffffffffff01");
  EXPECT_EQ(read_all(most).value().at(0).value, ~std::uint64_t{0});
  EXPECT_EQ(error_of("08ffffffffffffffffff02"), Code::malformed);
  EXPECT_EQ(error_of("08ffffffffffffffffff8100"), Code::malformed);
}

TEST(PbWire, A61RefusesAMessageOfTooManyFields) {
  Bytes bytes;
  for (std::size_t i = 0; i < pb_fields_max; ++i) append_pb_bytes(bytes, 1, ByteView());
  EXPECT_TRUE(read_all(bytes).has_value());
  append_pb_bytes(bytes, 1, ByteView());
  EXPECT_EQ(read_all(bytes).error().code, Code::too_large);
}

TEST(PbWire, AFieldKnowsItsTypeAndLimit) {
  const Bytes bytes = hex("089601120774657374696e67");
  const auto fields = read_all(bytes).value();
  EXPECT_EQ(fields[0].as_bytes("a", 9).error().code, Code::malformed);
  EXPECT_EQ(fields[1].as_varint("b").error().code, Code::malformed);
  EXPECT_EQ(fields[1].as_bytes("b", 6).error().code, Code::too_large);
}

// protobuf-lite as the oracle: the same fields give the same bytes.
TEST(PbWire, WritesWhatProtobufWrites) {
  ASSERT_TRUE(rc::check([] {
    const auto field = *rc::gen::inRange<std::uint32_t>(1, pb_field_number_max + 1);
    const auto value = *rc::gen::arbitrary<std::uint64_t>();
    const auto text = *rc::gen::arbitrary<std::string>();
    std::string expected;
    {
      pb::io::StringOutputStream stream(&expected);
      pb::io::CodedOutputStream out(&stream);
      const int number = static_cast<int>(field);
      WireFormat::WriteUInt64(number, value, &out);
      WireFormat::WriteBytes(number, text, &out);
      WireFormat::WriteFixed32(number, static_cast<std::uint32_t>(value), &out);
      WireFormat::WriteFixed64(number, value, &out);
    }
    Bytes bytes;
    append_pb_varint(bytes, field, value);
    append_pb_bytes(bytes, field, text);
    append_pb_fixed32(bytes, field, static_cast<std::uint32_t>(value));
    append_pb_fixed64(bytes, field, value);
    RC_ASSERT(base::as_text(bytes) == expected);
  }));
}

// And of any bytes, what we read protobuf reads alike. It reads more: groups, and varints whose
// bits over 64 it drops.
TEST(PbWire, ReadsWhatProtobufReads) {
  ASSERT_TRUE(rc::check([] {
    const auto small = rc::gen::inRange<int>(0, 20);
    const auto any = rc::gen::inRange<int>(0, 256);
    const auto raw = *rc::gen::container<std::vector<int>>(rc::gen::oneOf(small, any));
    Bytes bytes;
    for (const int value : raw) bytes.push_back(static_cast<std::uint8_t>(value));

    pb::io::CodedInputStream in(bytes.data(), static_cast<int>(bytes.size()));
    PbReader reader(bytes);
    while (true) {
      const auto field = reader.next();
      if (!field || !*field) break;
      const std::uint32_t tag = in.ReadTag();
      RC_ASSERT(WireFormat::GetTagFieldNumber(tag) == static_cast<int>((*field)->number));
      RC_ASSERT(static_cast<int>(WireFormat::GetTagWireType(tag)) ==
                static_cast<int>((*field)->type));
      RC_ASSERT(WireFormat::SkipField(&in, tag));
    }
  }));
}

}  // namespace
}  // namespace kith::codec

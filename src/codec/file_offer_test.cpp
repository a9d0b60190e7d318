#include "codec/file_offer.h"

#include <rapidcheck.h>

#include <algorithm>

#include "codec/golden_test_util.h"
#include "codec/varint.h"

namespace kith::codec {
namespace {

FileOffer offer_of(std::string name, std::uint64_t size = 6) {
  return {std::move(name), size, crypto::sha256(base::as_bytes("hello\n"))};
}

/// An offer around `body`, whatever it is.
Bytes framed(ByteView body) {
  Bytes bytes;
  append_varint(bytes, body.size());
  base::append(bytes, body);
  return bytes;
}

/// The body of hello.txt's offer.
Bytes good_body() {
  const Bytes whole = encode_file_offer(offer_of("hello.txt"));
  return {whole.begin() + 1, whole.end()};
}

Code code_of(ByteView bytes) {
  const auto peeked = peek_file_offer(bytes);
  EXPECT_FALSE(peeked.has_value());
  return peeked ? Code::internal : peeked.error().code;
}

/// One line of the golden file but for offers: its bytes, and what they say.
template <class T, class Encode, class Peek>
void expect_part(const GoldenLine& line, const T& wanted, Encode encode, Peek peek) {
  EXPECT_EQ(base::to_hex(encode(wanted)), line[1]);
  const Bytes bytes = unhex(line[1]);
  const auto peeked = peek(bytes);
  ASSERT_TRUE(peeked.has_value() && peeked->has_value());
  EXPECT_EQ((*peeked)->value, wanted);
  EXPECT_EQ((*peeked)->size, bytes.size());
}

TEST(FileOffer, GoldenVectors) {
  std::size_t offers = 0;
  for (const auto& line : golden_lines("file_offer.txt")) {
    SCOPED_TRACE(line[1]);
    if (line[0] == "offer") {
      ++offers;
      FileOffer wanted;
      wanted.size = std::stoull(line[2]);
      std::ranges::copy(unhex(line[3]), wanted.sha256.begin());
      wanted.name = base::as_text(unhex(line[4]));
      expect_part(line, wanted, encode_file_offer, peek_file_offer);
      continue;
    }
    const bool is_refusal = line[2] == "code";
    const auto refusal =
        is_refusal ? std::optional(static_cast<FileRefusal>(std::stoi(line[3]))) : std::nullopt;
    if (line[0] == "answer") {
      expect_part(line, FileAnswer{refusal, is_refusal ? 0 : std::stoull(line[3])},
                  encode_file_answer, peek_file_answer);
    } else {
      FileVerdict wanted{refusal, {}};
      if (!is_refusal) std::ranges::copy(unhex(line[3]), wanted.sha256.begin());
      expect_part(line, wanted, encode_file_verdict, peek_file_verdict);
    }
  }
  EXPECT_EQ(offers, 4u);
}

TEST(FileOffer, NamesAreOfOneFileWithinAFolder) {
  for (const char* name : {"a", ".a", "...", "a.b", "a b", "Grüße", "\x01"}) {
    EXPECT_TRUE(check_file_name(name)) << name;
  }
  EXPECT_TRUE(check_file_name(std::string(255, 'a')));
  EXPECT_EQ(check_file_name(std::string(256, 'a')).error().code, Code::too_large);
  using namespace std::string_view_literals;
  for (const auto name : {""sv, "."sv, ".."sv, "/"sv, "a/b"sv, "../a"sv, "/etc/passwd"sv, "a/"sv,
                          "a\0b"sv, "\xff"sv, "\xc0\xaf"sv}) {
    EXPECT_EQ(check_file_name(name).error().code, Code::malformed) << name;
    Bytes body = good_body();
    body.resize(body.size() - 10);  // the name and its length
    append_varint(body, name.size());
    base::append(body, base::as_bytes(name));
    EXPECT_EQ(code_of(framed(body)), Code::malformed) << name;
  }
}

TEST(FileOffer, WaitsForTheLastByteAndLeavesWhatIsBehind) {
  Bytes bytes = encode_file_offer(offer_of("hello.txt"));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const auto peeked = peek_file_offer(ByteView(bytes).first(cut));
    ASSERT_TRUE(peeked.has_value()) << cut;
    EXPECT_FALSE(peeked->has_value()) << cut;
  }
  const std::size_t size = bytes.size();
  bytes.push_back(9);
  EXPECT_EQ(peek_file_offer(bytes).value()->size, size);
}

TEST(FileOffer, HasOneEncodingAndLimits) {
  Bytes body = good_body();
  body.push_back(0);
  EXPECT_EQ(code_of(framed(body)), Code::malformed);  // bytes behind the name
  body = good_body();
  body[0] = 2;
  EXPECT_EQ(code_of(framed(body)), Code::unsupported);
  body = good_body();
  body[1] = 0x80;  // 2^63 bytes
  EXPECT_EQ(code_of(framed(body)), Code::too_large);
  EXPECT_EQ(peek_file_offer(encode_file_offer(offer_of("a", file_size_max))).value()->value.size,
            file_size_max);
  EXPECT_EQ(code_of(framed({})), Code::truncated);
  // The length alone says that it is too much; one less waits for the rest.
  Bytes length;
  append_varint(length, file_offer_bytes_max + 1);
  EXPECT_EQ(code_of(length), Code::too_large);
  length.clear();
  append_varint(length, file_offer_bytes_max);
  EXPECT_FALSE(peek_file_offer(length).value().has_value());
  const Bytes overlong = {0xab, 0x00};
  EXPECT_EQ(code_of(overlong), Code::malformed);
}

TEST(FileOffer, AnswersWaitForTheirBytesAndUnknownCodesAreFaults) {
  const Bytes answer = encode_file_answer({std::nullopt, 7});
  const Bytes verdict = encode_file_verdict({std::nullopt, crypto::sha256(answer)});
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    EXPECT_FALSE(peek_file_answer(ByteView(answer).first(cut)).value().has_value()) << cut;
  }
  for (std::size_t cut = 0; cut < verdict.size(); ++cut) {
    EXPECT_FALSE(peek_file_verdict(ByteView(verdict).first(cut)).value().has_value()) << cut;
  }
  for (const std::uint8_t code : Bytes{9, 10, 255}) {
    EXPECT_EQ(peek_file_answer(Bytes{code}).error().code, Code::malformed);
    EXPECT_EQ(peek_file_verdict(Bytes{code}).error().code, Code::malformed);
  }
}

TEST(FileOffer, AWrongHashIsOfVerdictsAlone) {
  const Bytes code = {static_cast<std::uint8_t>(FileRefusal::wrong_hash)};
  EXPECT_EQ(peek_file_answer(code).error().code, Code::malformed);
  EXPECT_EQ(peek_file_verdict(code).value()->value.refusal, FileRefusal::wrong_hash);
  const Bytes before = {static_cast<std::uint8_t>(FileRefusal::storage)};
  EXPECT_EQ(peek_file_answer(before).value()->value.refusal, FileRefusal::storage);
}

TEST(FileOffer, EveryRefusalHasWordsOfItsOwn) {
  std::vector<std::string_view> seen;
  for (std::uint8_t code = 1; code <= 8; ++code) {
    const auto words = words_of(static_cast<FileRefusal>(code));
    EXPECT_EQ(std::ranges::count(seen, words), 0) << words;
    seen.push_back(words);
  }
}

TEST(FileOffer, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(
      rc::check([](const std::vector<std::uint8_t>& noise, std::uint8_t at, std::uint8_t flip) {
        (void)peek_file_offer(noise);
        Bytes bytes = encode_file_offer(offer_of("hello.txt"));
        bytes[at % bytes.size()] ^= flip;
        const auto peeked = peek_file_offer(bytes);
        if (!peeked || !*peeked) return;
        RC_ASSERT(encode_file_offer((*peeked)->value) ==
                  Bytes(bytes.begin(), bytes.begin() + static_cast<long>((*peeked)->size)));
      }));
}

}  // namespace
}  // namespace kith::codec

#include "codec/compute_message.h"

#include <map>
#include <string>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;

JobStatement statement(std::uint64_t round) {
  JobStatement said{{7}, round, hash_of(3), {}, {}};
  said.lines.push_back({{5}, hash_of(1), {}, {}, {}});
  said.signature.fill(9);
  return said;
}

Record record() {
  Record record;
  record.genesis = hash_of(0x77);
  record.job = {7};
  record.task = {12};
  record.account = hash_of(1);
  record.worker = hash_of(3);
  record.slot = {5};
  record.round = 4;
  record.root = hash_of(2);
  record.checkers = {{6}, {8}};
  record.checked = 100;  // two parts
  record.time = 1'700'000'000'000;
  record.statistics = {1, 2, 3};
  record.signature.fill(9);
  return record;
}

std::map<std::string, ComputeRequest> requests() {
  return {{"show", ShowPart{{7}, {12}, 1, 3}},
          {"record", WantRecord{cid_of(record())}},
          {"carry", CarryThese{{statement(4), statement(5)}}},
          {"want_first", WantFirst{{7}, {12}}}};
}
std::map<std::string, ComputeAnswer> answers() {
  return {{"shown", PartShown{{hash_of(1), hash_of(2)}, {hash_of(3)}}},
          {"nothing_shown", PartShown{}},
          {"given", RecordGiven{record()}},
          {"taken", StatementsTaken{513}},
          {"refused", ComputeRefused{Code::refused, "not yet"}},
          {"first", FirstGiven{{encode_record(record()), {1, 2, 3}}}}};
}

TEST(ComputeMessage, ReadsWhatItWroteAndNothingElse) {
  for (const auto& [name, request] : requests()) {
    const Bytes bytes = encode(request);
    ASSERT_LE(bytes.size(), compute_message_bytes_max);
    EXPECT_EQ(decode_compute_request(bytes).value(), request) << name;
    EXPECT_FALSE(decode_compute_answer(bytes).has_value());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_compute_request(ByteView(bytes).first(size)).has_value()) << name;
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_compute_request(longer).has_value());
  }
  for (const auto& [name, answer] : answers()) {
    const Bytes bytes = encode(answer);
    EXPECT_EQ(decode_compute_answer(bytes).value(), answer) << name;
    EXPECT_FALSE(decode_compute_request(bytes).has_value());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_compute_answer(ByteView(bytes).first(size)).has_value()) << name;
    }
  }
}

TEST(ComputeMessage, ItsBytesAreTheGoldenOnes) {
  const auto all_requests = requests();
  const auto all_answers = answers();
  const auto lines = golden_lines("compute_message.txt");
  EXPECT_EQ(lines.size(), all_requests.size() + all_answers.size());
  for (const GoldenLine& line : lines) {
    SCOPED_TRACE(line[1]);
    if (line[0] == "request") {
      EXPECT_EQ(base::to_hex(encode(all_requests.at(line[1]))), line[2]);
      EXPECT_EQ(decode_compute_request(unhex(line[2])).value(), all_requests.at(line[1]));
    } else {
      EXPECT_EQ(base::to_hex(encode(all_answers.at(line[1]))), line[2]);
      EXPECT_EQ(decode_compute_answer(unhex(line[2])).value(), all_answers.at(line[1]));
    }
  }
}

TEST(ComputeMessage, LimitsHoldBothWays) {
  EXPECT_FALSE(decode_compute_request(Bytes{5, 0, 0}).has_value()) << "nothing to carry";
  EXPECT_FALSE(decode_compute_request(Bytes{5, 1, 1}).has_value()) << "257 statements";
  EXPECT_FALSE(decode_compute_answer(Bytes{2, 65}).has_value()) << "65 roots";
  Bytes record(3 + 1'025 + 2);
  record[0] = 9;
  record[1] = 4;
  record[2] = 1;
  EXPECT_EQ(decode_compute_answer(record).error().code, Code::too_large) << "1,025 of a record";
  Bytes show = encode(ComputeRequest(ShowPart{{7}, {12}, 1, 3}));
  show.back() = 16;
  EXPECT_FALSE(decode_compute_request(show).has_value());
  const ComputeRefused wordy{Code::limit, std::string(400, 'x')};
  const auto cut = decode_compute_answer(encode(ComputeAnswer(wordy)));
  EXPECT_EQ(std::get<ComputeRefused>(cut.value()).why.size(), 255u);
}

}  // namespace
}  // namespace kith::codec

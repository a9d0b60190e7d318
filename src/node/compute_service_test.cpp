#include "node/compute_service.h"

#include <gtest/gtest.h>

#include "codec/peer_id.h"
#include "codec/test_chain.h"

namespace kith::node {
namespace {

using codec::ComputeAnswer;
using codec::ComputeRequest;

PeerId peer(std::uint8_t n) {
  return codec::peer_id_of(codec::test::identity(n).pair.public_key());
}

class ComputeBench : public testing::Test {
 protected:
  template <class C>
  std::vector<C> take() {
    std::vector<C> found;
    while (auto command = service_.poll_output(now_)) {
      if (auto* one = std::get_if<C>(&*command)) found.push_back(std::move(*one));
    }
    return found;
  }
  void up(std::uint64_t stream, std::uint8_t from, Direction direction,
          std::optional<Token> token = {}) {
    service_.on_input(
        now_,
        host::StreamUp{
            {stream}, peer(from), direction, std::string(compute_protocol), 1 << 20, token, {}});
  }
  void send(std::uint64_t stream, const Bytes& bytes) {
    service_.on_input(now_, host::StreamData{{stream}, bytes});
    service_.on_input(now_, host::StreamEnd{{stream}});
  }

  Instant now_;
  ComputeService service_;
  const ComputeRequest show_ = codec::ShowPart{{7}, {12}, 1, 3};
};

TEST_F(ComputeBench, AQuestionGetsOneAnswerAndTheEnd) {
  up(1, 1, Direction::inbound);
  send(1, codec::encode(show_));
  const auto asks = std::get<ComputeService::PeerAsks>(service_.poll_outcome().value());
  EXPECT_EQ(asks.request, show_);
  EXPECT_EQ(asks.peer, peer(1));
  take<host::Consume>();
  service_.answer(asks.stream, codec::StatementsTaken{5});
  const auto writes = take<host::Write>();
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(codec::decode_compute_answer(writes[0].data.view()).value(),
            ComputeAnswer(codec::StatementsTaken{5}));
  service_.answer(asks.stream, codec::StatementsTaken{5});
  EXPECT_TRUE(take<host::Write>().empty()) << "once";
  EXPECT_FALSE(service_.next_deadline());
}

TEST_F(ComputeBench, AnAnswerComesBackToWhoAsked) {
  ASSERT_TRUE(service_.ask(Token{9}, peer(2), show_));
  ASSERT_EQ(take<host::Open>().size(), 1u);
  up(3, 2, Direction::outbound, Token{9});
  const auto writes = take<host::Write>();
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(codec::decode_compute_request(writes[0].data.view()).value(), show_);
  send(3, codec::encode(ComputeAnswer(codec::ComputeRefused{Code::refused, "no"})));
  const auto answered = std::get<ComputeService::PeerAnswered>(service_.poll_outcome().value());
  EXPECT_EQ(answered.token, Token{9});
  EXPECT_TRUE(answered.answer.has_value());
}

TEST_F(ComputeBench, WhoSendsNoMessageBreaksTheProtocol) {
  up(1, 1, Direction::inbound);
  send(1, Bytes{99});
  EXPECT_EQ(take<host::Fault>().size(), 1u);
  EXPECT_FALSE(service_.poll_outcome());
  up(2, 1, Direction::inbound);
  service_.on_input(
      now_, host::StreamData{{2}, Bytes(codec::compute_message_bytes_max + 1, std::uint8_t{5})});
  EXPECT_EQ(take<host::Fault>().size(), 1u);
  ASSERT_TRUE(service_.ask(Token{9}, peer(2), show_));
  up(3, 2, Direction::outbound, Token{9});
  send(3, Bytes{1});
  EXPECT_EQ(take<host::Fault>().size(), 1u);
  EXPECT_FALSE(
      std::get<ComputeService::PeerAnswered>(service_.poll_outcome().value()).answer.has_value());
}

TEST_F(ComputeBench, SilenceEndsAndStreamsAreBounded) {
  for (std::uint64_t stream = 1; stream <= ComputeService::streams_max + 2; ++stream) {
    up(stream, 1, Direction::inbound);
  }
  EXPECT_EQ(take<host::Reset>().size(), 2u);
  ASSERT_TRUE(service_.ask(Token{9}, peer(2), show_));
  up(99, 2, Direction::outbound, Token{9});
  now_ = now_ + ComputeService::exchange_max;
  service_.on_deadline(now_);
  EXPECT_EQ(take<host::Reset>().size(), ComputeService::streams_max + 1);
  EXPECT_FALSE(
      std::get<ComputeService::PeerAnswered>(service_.poll_outcome().value()).answer.has_value());
  up(200, 1, Direction::inbound);
  EXPECT_TRUE(take<host::Reset>().empty()) << "there is room again";
  std::size_t asked = 0;
  while (service_.ask(Token{1'000 + asked}, peer(2), show_)) ++asked;
  EXPECT_EQ(asked, ComputeService::asking_max);
}

}  // namespace
}  // namespace kith::node

// Dialling in virtual time: what is tried when, and how each job ends.
#include "host/dialer.h"

#include <gtest/gtest.h>

#include "host/test_connections.h"

namespace kith::host {
namespace {

codec::Multiaddr at(const std::string& text) { return *codec::Multiaddr::parse(text); }

class DialerTest : public testing::Test {
 protected:
  void start(std::uint64_t token, const std::vector<std::string>& addresses,
             std::optional<PeerId> expected = std::nullopt) {
    StartDial request{Token{token}, std::move(expected), {}};
    for (const auto& text : addresses) request.addresses.push_back(at(text));
    say(std::move(request));
  }
  void say(Dialer::Input input) {
    dialer.on_input(now, std::move(input));
    drain();
  }
  /// Serves every deadline up to `span` from now.
  void wait(Duration span) {
    const Instant end = now + span;
    for (auto next = dialer.next_deadline(); next && *next <= end; next = dialer.next_deadline()) {
      now = std::max(now, *next);
      dialer.on_deadline(now);
      drain();
    }
    now = end;
  }
  void drain() {
    while (auto output = dialer.poll_output(now)) {
      std::visit(Overload{[&](DialLink& d) {
                            EXPECT_GT(d.timeout, 0s);
                            EXPECT_EQ(d.link.value % 2, 0U);
                            dialed.push_back({base::to_ms(now.time_since_epoch()),
                                              d.address.to_string(), d.link});
                          },
                          [&](CloseLink& c) { closed.push_back(c.link); },
                          [&](Resolve& r) { resolves.push_back(std::move(r)); },
                          [&](DialSucceeded& s) { succeeded.push_back(s); },
                          [&](DialFailed& f) { failed.push_back(std::move(f)); }},
                 *output);
    }
  }
  void fail_link(std::size_t index, Code code = Code::unreachable) {
    say(AttemptFailed{dialed.at(index).link, {code, "no"}});
  }
  std::vector<std::string> order() const {
    std::vector<std::string> texts;
    for (const auto& attempt : dialed) texts.push_back(attempt.address);
    return texts;
  }

  struct Dialed {
    std::int64_t at_ms;
    std::string address;
    LinkId link;
  };
  DialerConfig config;
  Instant now{};
  Dialer dialer{config};
  std::vector<Dialed> dialed;
  std::vector<LinkId> closed;
  std::vector<Resolve> resolves;
  std::vector<DialSucceeded> succeeded;
  std::vector<DialFailed> failed;
};

TEST_F(DialerTest, FamiliesTakeTurnsBestScopeFirst) {
  start(1, {"/ip4/127.0.0.1/tcp/1", "/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1",
            "/ip6/2001:db8::1/tcp/1", "/ip4/192.168.0.1/tcp/1"});
  wait(2s);
  EXPECT_EQ(order(), (std::vector<std::string>{"/ip6/2001:db8::1/tcp/1", "/ip4/203.0.113.1/tcp/1",
                                               "/ip4/203.0.113.2/tcp/1", "/ip4/192.168.0.1/tcp/1",
                                               "/ip4/127.0.0.1/tcp/1"}));
  for (std::size_t i = 0; i < dialed.size(); ++i) {
    EXPECT_EQ(dialed[i].at_ms, static_cast<std::int64_t>(250 * i));
  }
}

TEST_F(DialerTest, AFailureStartsTheNextAtOnce) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"});
  now += 10ms;
  fail_link(0);
  ASSERT_EQ(dialed.size(), 2U);
  EXPECT_EQ(dialed[1].at_ms, 10);
}

TEST_F(DialerTest, TheFirstAuthenticatedWinsAndTheOthersAreClosed) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1", "/ip4/203.0.113.3/tcp/1"});
  wait(300ms);
  ASSERT_EQ(dialed.size(), 2U);
  say(AttemptOpened{dialed[1].link});
  say(AttemptWon{dialed[1].link, test_peer(1)});
  ASSERT_EQ(succeeded.size(), 1U);
  EXPECT_EQ(succeeded[0].peer, test_peer(1));
  EXPECT_EQ(succeeded[0].link, dialed[1].link);
  EXPECT_EQ(closed, std::vector{dialed[0].link});
  wait(20s);
  EXPECT_EQ(dialed.size(), 2U);
  EXPECT_EQ(dialer.jobs(), 0U);
  EXPECT_FALSE(dialer.next_deadline().has_value());
}

TEST_F(DialerTest, ATarpitDoesNotUseUpTheJob) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"});
  say(AttemptOpened{dialed[0].link});
  wait(1999ms);
  EXPECT_EQ(dialed.size(), 1U) << "it may well answer";
  wait(1ms);
  EXPECT_EQ(dialed.size(), 2U);
}

TEST_F(DialerTest, AJobEndsInTime) {
  start(1, {"/ip4/203.0.113.1/tcp/1"});
  wait(9999ms);
  EXPECT_TRUE(failed.empty());
  wait(1ms);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::timeout);
  EXPECT_EQ(closed, std::vector{dialed[0].link});
  EXPECT_EQ(dialer.jobs(), 0U);
}

TEST_F(DialerTest, PacketsThatNobodyAnswersAreNotWaitedForWhereAllElseHasFailed) {
  start(1, {"/ip4/203.0.113.1/udp/1/kith", "/ip4/203.0.113.1/tcp/1"});
  wait(300ms);
  ASSERT_EQ(dialed.size(), 2U);
  fail_link(1);
  wait(1199ms);
  EXPECT_TRUE(failed.empty());
  wait(1ms);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::timeout);
}

TEST_F(DialerTest, PacketsAloneHaveAllTheTimeOfAJob) {
  start(1, {"/ip4/203.0.113.1/udp/1/kith"});
  wait(9999ms);
  EXPECT_TRUE(failed.empty());
  wait(1ms);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(DialerTest, AFailureAfterTheDeadlineDialsNoMore) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"});
  now += 11s;  // the failure arrives before the deadline was served
  fail_link(0);
  EXPECT_EQ(dialed.size(), 1U);
  wait(0s);
  ASSERT_EQ(failed.size(), 1U);
}

TEST_F(DialerTest, WithoutAnAddressItFailsAtOnce) {
  start(1, {});
  start(2, {"/ip4/203.0.113.1/udp/1/quic-v1"});
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].error.code, Code::unreachable);
  EXPECT_EQ(failed[1].error.code, Code::unsupported);
}

TEST_F(DialerTest, AnAddressThatNamesAnotherPeerIsNotDialled) {
  start(1, {at("/ip4/203.0.113.1/tcp/1").with_peer(test_peer(2)).to_string()}, test_peer(1));
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::wrong_peer);
  EXPECT_TRUE(dialed.empty());
}

TEST_F(DialerTest, WhomTheAddressNamesIsExpectedThere) {
  start(1, {at("/ip4/203.0.113.1/tcp/1").with_peer(test_peer(2)).to_string(),
            "/ip4/203.0.113.2/tcp/1"});
  wait(250ms);
  EXPECT_EQ(dialer.expected_of(dialed[0].link), test_peer(2));
  EXPECT_FALSE(dialer.expected_of(dialed[1].link).has_value());
  EXPECT_EQ(dialed[0].address, "/ip4/203.0.113.1/tcp/1") << "the link needs no name";
}

TEST_F(DialerTest, NamesAreResolvedFirst) {
  start(1, {"/dns4/example.org/tcp/1"});
  ASSERT_EQ(resolves.size(), 1U);
  EXPECT_TRUE(dialed.empty());
  say(Resolved{resolves[0].token, std::vector{at("/ip4/203.0.113.9/tcp/1")}});
  EXPECT_EQ(order(), std::vector<std::string>{"/ip4/203.0.113.9/tcp/1"});
}

TEST_F(DialerTest, ANameThatOthersToldLeadsOnlyToGlobalAddresses) {
  const std::vector where = {at("/ip4/127.0.0.1/tcp/22"), at("/ip4/10.0.0.1/tcp/80"),
                             at("/ip4/203.0.113.9/tcp/1")};
  say(StartDial{Token{1}, test_peer(1), {}, {at("/dnsaddr/evil.example")}});
  say(Resolved{resolves.at(0).token, std::vector{at("/dns4/evil.example/tcp/22")}});
  say(Resolved{resolves.at(1).token, where});
  wait(1s);
  EXPECT_EQ(order(), std::vector<std::string>{"/ip4/203.0.113.9/tcp/1"});
  // What the user asks for may be anywhere.
  dialed.clear();
  say(StartDial{Token{2}, test_peer(2), {at("/dns4/localhost/tcp/22")}});
  say(Resolved{resolves.at(2).token, where});
  wait(1s);
  EXPECT_EQ(order().size(), 3U);
}

TEST_F(DialerTest, ANameThatDoesNotResolveFailsTheJobUnlessThereIsMore) {
  start(1, {"/dns4/example.org/tcp/1"});
  say(Resolved{resolves[0].token, fail(Code::not_found, "no such name")});
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::not_found);
  start(2, {"/dns4/example.org/tcp/1", "/ip4/203.0.113.1/tcp/1"});
  say(Resolved{resolves[1].token, fail(Code::not_found, "no such name")});
  EXPECT_EQ(failed.size(), 1U);
  EXPECT_EQ(dialed.size(), 1U);
}

TEST_F(DialerTest, ManyNamesOfOneJobAreAllResolved) {
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back("/dns4/host" + std::to_string(i) + ".org/tcp/1");
  start(1, names);
  ASSERT_EQ(resolves.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    say(Resolved{resolves[i].token,
                 std::vector{at("/ip4/203.0.113." + std::to_string(i) + "/tcp/1")}});
  }
  wait(5s);
  EXPECT_EQ(dialed.size(), 6U);
}

TEST_F(DialerTest, DnsaddrThatLeadsOnAndOnEnds) {
  start(1, {"/dnsaddr/a.org"});
  for (std::size_t i = 0; i < resolves.size() && i < 100; ++i) {
    say(Resolved{resolves[i].token, std::vector(40, at("/dnsaddr/a.org"))});
  }
  EXPECT_LE(resolves.size(), config.addresses_max);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::limit);
}

TEST_F(DialerTest, AResolverThatNeverAnswersEndsWithTheJob) {
  start(1, {"/dns4/example.org/tcp/1"});
  wait(10s);
  ASSERT_EQ(failed.size(), 1U);
  say(Resolved{resolves[0].token, std::vector{at("/ip4/203.0.113.9/tcp/1")}});
  EXPECT_TRUE(dialed.empty()) << "too late";
}

TEST_F(DialerTest, AddressesAreLimited) {
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back("/ip4/203.0.113." + std::to_string(i) + "/tcp/1");
  start(1, many);
  for (std::size_t i = 0; i < dialed.size(); ++i) fail_link(i);
  EXPECT_EQ(dialed.size(), config.addresses_max);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(DialerTest, JobsAreLimited) {
  for (std::uint64_t i = 0; i <= config.jobs_max; ++i) start(i, {"/ip4/203.0.113.1/tcp/1"});
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].token, Token{config.jobs_max});
  EXPECT_EQ(failed[0].error.code, Code::limit);
}

TEST_F(DialerTest, JobsWithoutAFreeAttemptWaitAndAreServed) {
  const std::size_t jobs = 200;
  for (std::uint64_t i = 0; i < jobs; ++i) start(i, {"/ip4/203.0.113.1/tcp/1"});
  EXPECT_EQ(dialed.size(), config.attempts_max);
  for (std::size_t i = 0; i < dialed.size(); ++i) fail_link(i);
  EXPECT_EQ(dialed.size(), jobs);
  EXPECT_EQ(failed.size(), jobs);
  EXPECT_FALSE(dialer.next_deadline().has_value());
}

TEST_F(DialerTest, ACanceledJobClosesItsAttempts) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"});
  wait(250ms);
  say(CancelDial{Token{1}});
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Code::canceled);
  EXPECT_EQ(closed.size(), 2U);
  say(CancelDial{Token{1}});
  fail_link(0);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(DialerTest, MoreAddressesOfARunningJobComeFirst) {
  start(1, {"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"});
  say(ExtendDial{Token{1}, {at("/ip4/203.0.113.3/tcp/1")}});
  wait(500ms);
  EXPECT_EQ(order(), (std::vector<std::string>{"/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.3/tcp/1",
                                               "/ip4/203.0.113.2/tcp/1"}));
}

}  // namespace
}  // namespace kith::host

#include "base/peer_event.h"

#include <set>

namespace kith::base {
namespace {

TEST(PeerEvent, NamesAreUniqueAndLeadBack) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < peer_event_kinds; ++i) {
    const auto kind = static_cast<PeerEventKind>(i);
    EXPECT_TRUE(names.insert(name_of(kind)).second) << name_of(kind);
    EXPECT_EQ(peer_event_kind_of(name_of(kind)), kind);
  }
  EXPECT_FALSE(peer_event_kind_of("Useful"));
  EXPECT_FALSE(peer_event_kind_of(""));
}

TEST(PeerEvent, TheLastNamesAreThoseOfTheLastValues) {
  EXPECT_EQ(name_of(PeerEventKind::useful), "useful");
  EXPECT_EQ(name_of(PeerEventKind::fatal), "fatal");
  EXPECT_EQ(name_of(PeerEventKind::probe_failed), "probe_failed");
  EXPECT_EQ(name_of(PeerHealth::unknown), "unknown");
  EXPECT_EQ(name_of(PeerHealth::stale), "stale");
  EXPECT_EQ(name_of(Priority::consensus), "consensus");
  EXPECT_EQ(name_of(Priority::bulk), "bulk");
  EXPECT_EQ(priority_of("blocks"), Priority::blocks);
  EXPECT_EQ(priority_of("Bulk"), std::nullopt);
}

TEST(PeerEvent, ConsensusGoesFirst) {
  EXPECT_LT(Priority::consensus, Priority::blocks);
  EXPECT_LT(Priority::blocks, Priority::transactions);
  EXPECT_LT(Priority::transactions, Priority::application);
  EXPECT_LT(Priority::application, Priority::bulk);
}

}  // namespace
}  // namespace kith::base

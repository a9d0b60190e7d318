#include "ledger/entries.h"

#include <rapidcheck.h>

#include <map>
#include <set>

#include "base/rng.h"

namespace kith::ledger {
namespace {

using Model = std::map<EntryKey, Bytes>;

Bytes id_of(EntryKind kind, std::uint64_t number) {
  Bytes id(codec::entry_id_bytes(kind));
  // At the front and at the end, so that ways part early and late.
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i < 2) id[i] = static_cast<std::uint8_t>(number >> (8 * i));
    if (i + 2 >= id.size()) id[i] = static_cast<std::uint8_t>(number >> (16 + 8 * (id.size() - i)));
  }
  return id;
}

EntryKind kind_of(std::uint64_t number) {
  return static_cast<EntryKind>(1 + number % codec::entry_kind_max);
}

/// A key that comes again, and one that is its neighbour.
EntryKey any_key(SeededRng& rng) {
  const EntryKind kind = kind_of(rng.next());
  std::uint64_t number = rng.below(6);
  number |= rng.below(3) << 7;
  number |= rng.below(3) << 31;
  return {kind, id_of(kind, number)};
}

Bytes any_entry(SeededRng& rng) {
  Bytes entry(1 + rng.below(3));
  for (std::uint8_t& byte : entry) byte = static_cast<std::uint8_t>(rng.below(3));
  return entry;
}

struct Both {
  Entries entries;
  Model model;

  void change(SeededRng& rng) {
    const EntryKey key = any_key(rng);
    if (rng.below(3) == 0) {
      RC_ASSERT(entries.erase(key.kind, key.id) == (model.erase(key) == 1));
    } else {
      const Bytes entry = any_entry(rng);
      entries.put(key.kind, key.id, entry);
      model[key] = entry;
    }
    RC_ASSERT(entries.size() == model.size());
  }
};

Model content_of(const Entries& entries) {
  Model content;
  std::optional<EntryKey> last;
  for (std::uint8_t number = 1; number <= codec::entry_kind_max; ++number) {
    const auto kind = static_cast<EntryKind>(number);
    entries.visit(kind, {}, [&](ByteView id, const std::shared_ptr<const Bytes>& entry) {
      const EntryKey key{kind, base::to_bytes(id)};
      if (last) RC_ASSERT(*last < key);
      last = key;
      content[key] = *entry;
      return true;
    });
  }
  return content;
}

std::vector<EntryKey> difference(const Model& before, const Model& now) {
  std::set<EntryKey> keys;
  for (const auto& [key, entry] : before) {
    const auto other = now.find(key);
    if (other == now.end() || other->second != entry) keys.insert(key);
  }
  for (const auto& [key, entry] : now) {
    if (!before.contains(key)) keys.insert(key);
  }
  return {keys.begin(), keys.end()};
}

codec::SparseTree tree_of(const Model& model) {
  codec::SparseTree tree;
  for (const auto& [key, entry] : model) {
    tree.insert(codec::entry_key(key.kind, key.id), codec::entry_hash(key.kind, entry));
  }
  return tree;
}

TEST(Entries, FollowAMap) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    Both both;
    for (int i = 0; i < 100; ++i) both.change(rng);
    RC_ASSERT(content_of(both.entries) == both.model);
    for (int i = 0; i < 100; ++i) {
      const EntryKey key = any_key(rng);
      const auto found = both.entries.find(key.kind, key.id);
      const auto there = both.model.find(key);
      RC_ASSERT((found != nullptr) == (there != both.model.end()));
      if (found) RC_ASSERT(*found == there->second);
    }
  }));
}

TEST(Entries, ACopyStaysAndWhatDiffersIsFound) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    Both both;
    for (std::uint64_t i = rng.below(80); i > 0; --i) both.change(rng);
    const Both before = both;
    for (std::uint64_t i = rng.below(40); i > 0; --i) both.change(rng);
    RC_ASSERT(content_of(before.entries) == before.model);
    const auto differs = difference(before.model, both.model);
    RC_ASSERT(both.entries.changed_since(before.entries) == differs);
    RC_ASSERT(before.entries.changed_since(both.entries) == differs);
    // Of trees that have nothing to do with each other, too.
    Both other;
    for (std::uint64_t i = rng.below(80); i > 0; --i) other.change(rng);
    RC_ASSERT(both.entries.changed_since(other.entries) == difference(other.model, both.model));
  }));
}

TEST(Entries, TheRootFollowsFromTheContent) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    Both both;
    codec::SparseTree tree;
    for (int step = 0; step < 6; ++step) {
      const Entries before = both.entries;
      for (std::uint64_t i = rng.below(30); i > 0; --i) both.change(rng);
      rehash(tree, before, both.entries);
      RC_ASSERT(tree.root() == tree_of(both.model).root());
      RC_ASSERT(tree.size() == both.model.size());
    }
    // What is there is proven, and what is not.
    for (int i = 0; i < 20; ++i) {
      const EntryKey key = any_key(rng);
      const codec::Hash place = codec::entry_key(key.kind, key.id);
      const auto said = codec::verify_sparse_proof(tree.root(), place, tree.prove(place));
      RC_ASSERT(said.has_value());
      const auto entry = both.entries.find(key.kind, key.id);
      RC_ASSERT(said->has_value() == (entry != nullptr));
      if (entry) RC_ASSERT(**said == codec::entry_hash(key.kind, *entry));
    }
  }));
}

TEST(Entries, AreVisitedByTheBeginningOfTheirIds) {
  Entries entries;
  const auto slot = [](std::uint8_t job, std::uint8_t number) {
    return Bytes{0, 0, 0, 0, 0, 0, 0, job, 0, 0, 0, number};
  };
  for (const std::uint8_t job : Bytes{3, 1, 2}) {
    for (const std::uint8_t number : Bytes{200, 0, 7}) {
      entries.put(EntryKind::slot, slot(job, number), {job, number});
    }
  }
  entries.put(EntryKind::job, Bytes{0, 0, 0, 0, 0, 0, 0, 2}, {9});
  using Ids = std::vector<Bytes>;
  const auto seen = [&](ByteView prefix, std::size_t limit) {
    Ids ids;
    entries.visit(EntryKind::slot, prefix, [&](ByteView id, const auto& entry) {
      EXPECT_EQ(entry->front(), id[7]);
      ids.push_back(base::to_bytes(id));
      // Changes of what is walked over do not reach the walk.
      entries.erase(EntryKind::slot, id);
      entries.put(EntryKind::slot, id, *entry);
      return ids.size() < limit;
    });
    return ids;
  };
  const Bytes job_2{0, 0, 0, 0, 0, 0, 0, 2};
  EXPECT_EQ(seen(job_2, 9), (Ids{slot(2, 0), slot(2, 7), slot(2, 200)}));
  EXPECT_EQ(seen(job_2, 2), (Ids{slot(2, 0), slot(2, 7)}));
  EXPECT_EQ(seen({}, 99).size(), 9u);
  EXPECT_EQ(seen(slot(1, 7), 9), (Ids{slot(1, 7)}));
  EXPECT_TRUE(seen(slot(1, 8), 9).empty());
  EXPECT_TRUE(seen(Bytes(13), 9).empty());
  EXPECT_TRUE(seen(Bytes{1}, 9).empty());
}

TEST(Entries, AnIdOfAnotherSizeIsNowhere) {
  Entries entries;
  const Bytes id(codec::entry_id_bytes(EntryKind::member));
  entries.put(EntryKind::member, id, {1});
  entries.put(EntryKind::beacon, {}, {2});
  EXPECT_TRUE(entries.contains(EntryKind::member, id));
  EXPECT_TRUE(entries.contains(EntryKind::beacon, {}));
  for (const std::size_t size : {0u, 39u, 41u, 1'000u}) {
    EXPECT_FALSE(entries.contains(EntryKind::member, Bytes(size))) << size;
    EXPECT_FALSE(entries.erase(EntryKind::member, Bytes(size))) << size;
  }
  EXPECT_EQ(entries.size(), 2u);
}

}  // namespace
}  // namespace kith::ledger

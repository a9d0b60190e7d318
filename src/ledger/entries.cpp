#include "ledger/entries.h"

#include <algorithm>
#include <array>
#include <limits>

namespace kith::ledger {
namespace {

/// No key is this long: where two keys do not differ, and where a leaf forks.
constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();

/// Kind and id, or what an id begins with. Ids of one kind are of one size, so that no key in the
/// tree begins another.
struct Key {
  std::array<std::uint8_t, 1 + codec::entry_id_bytes_max> bytes{};
  std::uint8_t size = 0;

  /// `id` is not longer than the kind's ids.
  static Key of(EntryKind kind, ByteView id) {
    Key key;
    key.bytes[0] = static_cast<std::uint8_t>(kind);
    key.size = static_cast<std::uint8_t>(1 + id.size());
    std::ranges::copy(id, key.bytes.begin() + 1);
    return key;
  }
  ByteView view() const { return {bytes.data(), size}; }
  /// Bits are counted from the most significant of the first byte; beyond the end they are 0.
  bool bit(std::size_t at) const {
    return at / 8 < size && ((bytes[at / 8] >> (7 - at % 8)) & 1) != 0;
  }
  bool begins_with(const Key& prefix) const {
    return size >= prefix.size && base::equal(view().first(prefix.size), prefix.view());
  }
  friend bool operator==(const Key& a, const Key& b) { return base::equal(a.view(), b.view()); }
};

/// The first bit in which the keys differ.
std::uint32_t parting(const Key& a, const Key& b) {
  for (std::uint32_t i = 0; i < std::max(a.size, b.size); ++i) {
    const auto differs = static_cast<std::uint8_t>(a.bytes[i] ^ b.bytes[i]);
    if (differs == 0) continue;
    std::uint32_t at = 8 * i;
    while (a.bit(at) == b.bit(at)) ++at;
    return at;
  }
  return never;
}

EntryKey as_entry_key(const Key& key) {
  return {static_cast<EntryKind>(key.bytes[0]), base::to_bytes(key.view().subspan(1))};
}

}  // namespace

Bytes record_key(const EntryKey& key) { return base::to_bytes(Key::of(key.kind, key.id).view()); }

std::optional<EntryKey> entry_key_of(ByteView record_key) {
  if (record_key.empty() || record_key[0] == 0 || record_key[0] > codec::entry_kind_max) {
    return std::nullopt;
  }
  const auto kind = static_cast<EntryKind>(record_key[0]);
  if (record_key.size() != 1 + codec::entry_id_bytes(kind)) return std::nullopt;
  return EntryKey{kind, base::to_bytes(record_key.subspan(1))};
}

/// A leaf, or a fork at the first bit in which what is below it differs. What a way down looks at
/// comes first, side by side: big states are not in the processor's caches.
struct Entries::Node {
  Link left;  // of a fork, neither is null
  Link right;
  std::uint32_t at = never;  // the bit of a fork
  Key key;                   // of the leaf; of a fork's first leaf
  std::shared_ptr<const Bytes> entry;

  bool is_leaf() const { return at == never; }
};

struct Entries::Tree {
  static Link leaf(const Key& key, Bytes entry) {
    return std::make_shared<const Node>(
        Node{{}, {}, never, key, std::make_shared<const Bytes>(std::move(entry))});
  }

  static Link fork(std::uint32_t at, Link left, Link right) {
    const Key key = left->key;
    return std::make_shared<const Node>(Node{std::move(left), std::move(right), at, key, {}});
  }

  static const Link& side(const Node& fork, const Key& key) {
    return key.bit(fork.at) ? fork.right : fork.left;
  }

  /// The leaf that the bits of the key lead to; null in an empty tree.
  static const Node* nearest(const Link& top, const Key& key) {
    const Node* node = top.get();
    while (node != nullptr && !node->is_leaf()) node = side(*node, key).get();
    return node;
  }

  /// `at`: where the new leaf parts from what is there; never: it takes the place of its like.
  static Link inserted(const Link& link, const Link& added, std::uint32_t at) {
    if (link->is_leaf() && at == never) return added;
    if (link->at > at) {
      return added->key.bit(at) ? fork(at, link, added) : fork(at, added, link);
    }
    if (added->key.bit(link->at)) {
      return fork(link->at, link->left, inserted(link->right, added, at));
    }
    return fork(link->at, inserted(link->left, added, at), link->right);
  }

  /// The key is there.
  static Link erased(const Link& link, const Key& key) {
    if (link->is_leaf()) return {};
    Link rest = erased(side(*link, key), key);
    const bool right = key.bit(link->at);
    if (!rest) return right ? link->left : link->right;
    return right ? fork(link->at, link->left, std::move(rest))
                 : fork(link->at, std::move(rest), link->right);
  }

  /// `see` says whether to go on.
  template <class SeeLeaf>
  static bool walk(const Link& link, const SeeLeaf& see) {
    if (link->is_leaf()) return see(*link);
    return walk(link->left, see) && walk(link->right, see);
  }

  static void add_all(const Link& link, std::vector<EntryKey>& changed) {
    if (!link) return;
    if (link->is_leaf()) {
      changed.push_back(as_entry_key(link->key));
      return;
    }
    add_all(link->left, changed);
    add_all(link->right, changed);
  }

  /// In the order of keys; what both share is not looked into.
  static void compare(const Link& a, const Link& b, std::vector<EntryKey>& changed) {
    if (a == b) return;
    if (!a || !b) return add_all(a ? a : b, changed);
    const std::uint32_t apart = parting(a->key, b->key);
    if (apart < std::min(a->at, b->at)) {  // nothing in common
      add_all(a->key.bit(apart) ? b : a, changed);
      add_all(a->key.bit(apart) ? a : b, changed);
    } else if (a->at == b->at) {
      compare_alike(a, b, changed);
    } else {
      // All of the one that forks later is on one side of the other.
      const Link& upper = a->at < b->at ? a : b;
      const Link& lower = a->at < b->at ? b : a;
      const bool right = lower->key.bit(upper->at);
      compare(upper->left, right ? Link() : lower, changed);
      compare(upper->right, right ? lower : Link(), changed);
    }
  }

  /// Two leaves of one key, or two forks at one bit.
  static void compare_alike(const Link& a, const Link& b, std::vector<EntryKey>& changed) {
    if (a->is_leaf()) {
      if (a->entry != b->entry && *a->entry != *b->entry) {
        changed.push_back(as_entry_key(a->key));
      }
      return;
    }
    compare(a->left, b->left, changed);
    compare(a->right, b->right, changed);
  }
};

std::shared_ptr<const Bytes> Entries::find(EntryKind kind, ByteView id) const {
  if (id.size() != codec::entry_id_bytes(kind)) return nullptr;
  const Key key = Key::of(kind, id);
  const Node* node = Tree::nearest(top_, key);
  return node != nullptr && node->key == key ? node->entry : nullptr;
}

void Entries::put(EntryKind kind, ByteView id, Bytes entry) {
  ASSERT(id.size() == codec::entry_id_bytes(kind));
  ASSERT(!entry.empty() && entry.size() <= codec::entry_bytes_max);
  const Key key = Key::of(kind, id);
  const Node* near = Tree::nearest(top_, key);
  const std::uint32_t at = near == nullptr ? never : parting(near->key, key);
  const bool is_there = near != nullptr && at == never;
  if (is_there && *near->entry == entry) return;
  if (!is_there) ++size_;
  const Link added = Tree::leaf(key, std::move(entry));
  top_ = top_ ? Tree::inserted(top_, added, at) : added;
}

bool Entries::erase(EntryKind kind, ByteView id) {
  if (!contains(kind, id)) return false;
  top_ = Tree::erased(top_, Key::of(kind, id));
  --size_;
  return true;
}

void Entries::visit(EntryKind kind, ByteView prefix, const See& see) const {
  if (prefix.size() > codec::entry_id_bytes(kind)) return;
  const Key begin = Key::of(kind, prefix);
  Link link = top_;
  while (link && link->at < 8u * begin.size) link = Tree::side(*link, begin);
  if (!link || !link->key.begins_with(begin)) return;
  Tree::walk(link, [&](const Node& leaf) { return see(leaf.key.view().subspan(1), leaf.entry); });
}

void Entries::visit_all(
    const std::function<void(const EntryKey&, const std::shared_ptr<const Bytes>&)>& see) const {
  const Link top = top_;
  if (!top) return;
  Tree::walk(top, [&](const Node& leaf) {
    see(as_entry_key(leaf.key), leaf.entry);
    return true;
  });
}

std::vector<EntryKey> Entries::changed_since(const Entries& before) const {
  std::vector<EntryKey> changed;
  Tree::compare(before.top_, top_, changed);
  return changed;
}

void rehash(codec::SparseTree& tree, const Entries& before, const Entries& now) {
  for (const EntryKey& key : now.changed_since(before)) {
    const codec::Hash place = codec::entry_key(key.kind, key.id);
    if (const auto entry = now.find(key.kind, key.id)) {
      tree.insert(place, codec::entry_hash(key.kind, *entry));
    } else {
      tree.erase(place);
    }
  }
}

}  // namespace kith::ledger

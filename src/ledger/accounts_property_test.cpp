// Accounts against a model that is as plain as can be: lists that are looked through, names
// compared by their skeletons, money counted anew. Whatever is ordered, held, earned and taken, the
// model says whether it may be, and what there is afterwards; and nothing leaves the escrow that
// was not there.
#include <rapidcheck.h>

#include <map>
#include <set>

#include "base/rng.h"
#include "codec/account_name.h"
#include "codec/test_chain.h"
#include "ledger/accounts.h"

namespace kith::ledger {
namespace {

using codec::test::hash_of;
using codec::test::identity;

const Hash genesis = hash_of(0x77);
constexpr std::uint32_t people = 4;       // 1 to 4 open accounts
constexpr std::uint32_t keys = 8;         // and these are keys that they may change to
constexpr std::uint32_t workers_from = 20;
constexpr std::uint32_t workers = 4;
constexpr Amount account_bond = 10;
constexpr Amount dust = 7;
const std::vector<std::string> names = {"kith", "k1th", "ki-th", "wren", "vvren", "abc"};

struct ModelAccount {
  std::uint32_t key = 0;
  bool is_closed = false;
  Amount bond = 0;
  Amount held = 0;
  Amount earned = 0;
  std::map<std::uint64_t, Amount> unbonding;
  std::string name;
  std::string sealed;  // the name in the seal
  std::uint64_t sealed_at = 0;
  bool is_team = false;
  std::uint32_t team = 0;
  std::vector<std::uint32_t> workers;
};
struct LostName {
  std::string skeleton;
  std::uint64_t free_from = 0;
};

AccountId id_of(std::uint32_t n) {
  return n == 0 ? AccountId{} : codec::account_id(genesis, identity(n).key);
}
Hash salt_of(std::uint32_t n) { return hash_of(static_cast<std::uint8_t>(n)); }

class Society {
 public:
  explicit Society(std::uint64_t seed) : rng_(seed) {
    params_.account_bond = account_bond;
    params_.bond_epochs = 1 + static_cast<std::uint32_t>(rng_.below(3));
  }

  void step() {
    height_ += rng_.below(3) == 0 ? rng_.below(40) : 1;
    if (rng_.below(60) == 0) height_ += 9'990;
    switch (rng_.below(13)) {
      case 0: open(); break;
      case 1: add_bond(); break;
      case 2: take_bond(); break;
      case 3: change_key(); break;
      case 4: seal_name(); break;
      case 5:
      case 6: take_name(); break;
      case 7: add_worker(); break;
      case 8: drop_worker(); break;
      case 9: join_team(); break;
      case 10: open_team(); break;
      case 11: use_bond(); break;
      default: end_epoch(); break;
    }
    compare();
  }
  std::size_t obeyed() const { return obeyed_; }

 private:
  std::uint32_t anybody() { return 1 + static_cast<std::uint32_t>(rng_.below(people)); }
  std::uint32_t any_worker() {
    return workers_from + static_cast<std::uint32_t>(rng_.below(workers));
  }
  /// Mostly the account's key.
  std::uint32_t any_signer(std::uint32_t n) {
    const auto found = all_.find(n);
    if (found != all_.end() && rng_.below(8) != 0) return found->second.key;
    return static_cast<std::uint32_t>(rng_.below(keys + 1));
  }
  ModelAccount* open_one(std::uint32_t n) {
    const auto found = all_.find(n);
    return found == all_.end() || found->second.is_closed ? nullptr : &found->second;
  }
  ModelAccount* signed_one(std::uint32_t n, std::uint32_t by) {
    ModelAccount* const account = open_one(n);
    return account != nullptr && account->key == by ? account : nullptr;
  }

  /// Whether the rules obeyed as the model says that they have to.
  bool obey(const codec::AccountOrder& order, std::uint32_t by, bool may, Amount taken) {
    const auto body = codec::encode_account_order(order);
    RC_ASSERT(codec::decode_account_order(body).value() == order);
    Entries draft = entries_;
    const ChainKey* const signer = by == 0 ? nullptr : &identity(by).key;
    const auto outcome =
        apply_account({params_, genesis, {epoch_}, {height_}}, draft, order, signer);
    RC_ASSERT(outcome.has_value() == may);
    if (!may) return false;
    RC_ASSERT(*outcome == taken);
    entries_ = draft;
    escrow_ += taken;
    ++obeyed_;
    return true;
  }

  void open() {
    const std::uint32_t n = anybody();
    const Amount bond = 1 + rng_.below(60);
    const bool may = !all_.contains(n) && bond >= account_bond;
    if (!obey(codec::OpenAccount{identity(n + 100).lock, bond, {}}, n, may, bond)) return;
    all_[n].key = n;
    all_[n].bond = bond;
  }
  void add_bond() {
    const std::uint32_t n = anybody();
    const Amount more = 1 + rng_.below(30);
    ModelAccount* const account = open_one(n);
    if (obey(codec::AddBond{id_of(n), more}, 0, account != nullptr, more)) account->bond += more;
  }
  void take_bond() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    ModelAccount* const account = signed_one(n, by);
    Amount amount = 1 + rng_.below(30);
    if (account != nullptr && rng_.below(3) == 0) amount = account->bond;
    bool may = account != nullptr && amount <= account->bond;
    const bool is_all = may && amount == account->bond;
    if (may && is_all) {
      may = account->held == 0;
    } else if (may) {
      may = account->bond - amount >= account->held + account_bond;
    }
    if (!obey(codec::TakeBond{id_of(n), amount}, by, may, 0)) return;
    account->bond -= amount;
    account->unbonding[epoch_ + params_.bond_epochs] += amount;
    if (!is_all) return;
    if (!account->name.empty()) {
      lost_.push_back({codec::skeleton_of(account->name).value(), height_ + 10'000});
    }
    ModelAccount closed;
    closed.key = account->key;
    closed.is_closed = true;
    closed.earned = account->earned;
    closed.unbonding = account->unbonding;
    *account = closed;
  }
  void change_key() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    const auto to = 1 + static_cast<std::uint32_t>(rng_.below(keys));
    ModelAccount* const account = signed_one(n, by);
    const bool may = account != nullptr && account->key != to;
    if (obey(codec::ChangeKey{id_of(n), identity(to).key, {}}, by, may, 0)) account->key = to;
  }
  void seal_name() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    const std::string name = names[rng_.below(names.size())];
    ModelAccount* const account = signed_one(n, by);
    const bool may = account != nullptr && account->name.empty();
    const Hash seal = codec::name_seal(id_of(n), salt_of(n), name);
    if (!obey(codec::SealName{id_of(n), seal}, by, may, 0)) return;
    account->sealed = name;
    account->sealed_at = height_;
  }
  bool is_free(const std::string& name) const {
    const std::string skeleton = codec::skeleton_of(name).value();
    for (const auto& [n, account] : all_) {
      if (!account.name.empty() && codec::skeleton_of(account.name).value() == skeleton) {
        return false;
      }
    }
    for (const LostName& lost : lost_) {
      if (lost.skeleton == skeleton && height_ < lost.free_from) return false;
    }
    return true;
  }
  void take_name() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    ModelAccount* const account = signed_one(n, by);
    const bool is_own = account != nullptr && !account->sealed.empty() && rng_.below(6) != 0;
    const std::string name = is_own ? account->sealed : names[rng_.below(names.size())];
    bool may = account != nullptr && account->name.empty() && account->sealed == name;
    if (may) {
      const std::uint64_t age = height_ - account->sealed_at;
      may = age >= 16 && age <= 10'000 && is_free(name);
    }
    if (!obey(codec::TakeName{id_of(n), salt_of(n), name}, by, may, 0)) return;
    account->name = name;
    account->sealed.clear();
  }
  std::uint32_t owner_of(std::uint32_t worker) const {
    for (const auto& [n, account] : all_) {
      for (const std::uint32_t own : account.workers) {
        if (own == worker) return n;
      }
    }
    return 0;
  }
  void add_worker() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    const std::uint32_t worker = any_worker();
    ModelAccount* const account = signed_one(n, by);
    const bool may = account != nullptr && owner_of(worker) == 0;
    if (obey(codec::AddWorker{id_of(n), identity(worker).key, 3, {}}, by, may, 0)) {
      account->workers.push_back(worker);
    }
  }
  void drop_worker() {
    const std::uint32_t worker = any_worker();
    const std::uint32_t owner = owner_of(worker);
    const std::uint32_t n = owner == 0 || rng_.below(6) == 0 ? anybody() : owner;
    const std::uint32_t by = rng_.below(3) == 0 ? worker : any_signer(n);
    ModelAccount* const account = open_one(n);
    const bool may = account != nullptr && owner == n && (by == account->key || by == worker);
    if (!obey(codec::DropWorker{id_of(n), identity(worker).key}, by, may, 0)) return;
    std::erase(account->workers, worker);
  }
  void join_team() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    const std::uint32_t team = static_cast<std::uint32_t>(rng_.below(people + 1));
    ModelAccount* const account = signed_one(n, by);
    const ModelAccount* const joined = team == 0 ? nullptr : open_one(team);
    const bool may = account != nullptr && team != n &&
                     (team == 0 || (joined != nullptr && joined->is_team));
    if (obey(codec::JoinTeam{id_of(n), id_of(team)}, by, may, 0)) account->team = team;
  }
  void open_team() {
    const std::uint32_t n = anybody();
    const std::uint32_t by = any_signer(n);
    const bool is_team = rng_.below(3) != 0;
    ModelAccount* const account = signed_one(n, by);
    if (obey(codec::OpenTeam{id_of(n), is_team}, by, account != nullptr, 0)) {
      account->is_team = is_team;
    }
  }

  /// What jobs do with bonds: hold, give back, take away, pay.
  void use_bond() {
    const std::uint32_t n = anybody();
    const Amount amount = 1 + rng_.below(20);
    ModelAccount* const account = open_one(n);
    const std::uint64_t what = rng_.below(4);
    if (what == 0) {
      const bool may =
          account != nullptr && account->bond >= account->held + account_bond + amount;
      RC_ASSERT(hold_bond(params_, entries_, id_of(n), amount).has_value() == may);
      if (may) account->held += amount;
    } else if (what == 1) {
      RC_ASSERT(add_earned(entries_, id_of(n), amount) == all_.contains(n));
      if (!all_.contains(n)) return;
      all_[n].earned += amount;
      escrow_ += amount;  // out of a job's
    } else if (account != nullptr && account->held >= amount) {
      account->held -= amount;
      if (what == 2) return release_bond(entries_, id_of(n), amount);
      account->bond -= amount;
      escrow_ -= amount;  // burnt
      forfeit_bond(entries_, id_of(n), amount);
    }
  }
  void end_epoch() {
    const AccountPayouts end = end_epoch_accounts(dust, {epoch_}, entries_);
    std::map<Hash, Amount> wanted;
    Amount burnt = 0;
    for (auto at = all_.begin(); at != all_.end();) {
      ModelAccount& account = at->second;
      const auto later = account.unbonding.upper_bound(epoch_);
      for (auto due = account.unbonding.begin(); due != later; ++due) {
        account.earned += due->second;
      }
      account.unbonding.erase(account.unbonding.begin(), later);
      if (account.earned >= dust) {
        wanted[identity(at->first + 100).lock] = account.earned;
        account.earned = 0;
      }
      const bool is_gone = account.is_closed && account.unbonding.empty();
      if (is_gone) burnt += account.earned;
      at = is_gone ? all_.erase(at) : std::next(at);
    }
    std::map<Hash, Amount> paid;
    for (const Payout& payout : end.payouts) {
      RC_ASSERT(paid.emplace(payout.lock, payout.value).second);
      escrow_ -= payout.value;
    }
    escrow_ -= end.burnt;
    RC_ASSERT(paid == wanted);
    RC_ASSERT(end.burnt == burnt);
    ++epoch_;
  }

  void compare() const {
    Amount owned = 0;
    std::size_t accounts = 0;
    entries_.visit(EntryKind::account, {}, [&](ByteView, const auto& bytes) {
      owned += codec::decode_account(*bytes).value().owned();
      ++accounts;
      return true;
    });
    RC_ASSERT(owned == escrow_);
    RC_ASSERT(accounts == all_.size());
    std::size_t worker_count = 0;
    for (const auto& [n, account] : all_) {
      compare(n, account, find_account(entries_, id_of(n)).value());
      worker_count += account.workers.size();
    }
    std::size_t worker_entries = 0;
    entries_.visit(EntryKind::worker, {}, [&](ByteView, const auto&) {
      ++worker_entries;
      return true;
    });
    RC_ASSERT(worker_entries == worker_count);
  }
  void compare(std::uint32_t n, const ModelAccount& model, const AccountEntry& entry) const {
    RC_ASSERT(entry.is_closed() == model.is_closed);
    RC_ASSERT(entry.key == identity(model.key).key);
    RC_ASSERT(entry.bond == model.bond && entry.held == model.held);
    RC_ASSERT(entry.earned == model.earned);
    RC_ASSERT(entry.name == model.name);
    RC_ASSERT((entry.sealed.value != 0) == !model.sealed.empty());
    RC_ASSERT(entry.is_team == model.is_team && entry.team == id_of(model.team));
    std::map<std::uint64_t, Amount> unbonding;
    for (const auto& part : entry.unbondings) unbonding[part.epoch] = part.amount;
    RC_ASSERT(unbonding == model.unbonding);
    if (!entry.name.empty()) {
      RC_ASSERT(find_name(entries_, entry.name).value() == (codec::NameEntry{id_of(n), {0}}));
    }
    std::set<ChainKey> own;
    for (const std::uint32_t worker : model.workers) {
      own.insert(identity(worker).key);
      const WorkerEntry there = find_worker(entries_, identity(worker).key).value();
      RC_ASSERT(there.account == id_of(n) && there.device_class == 3);
    }
    RC_ASSERT(entry.workers == std::vector<ChainKey>(own.begin(), own.end()));
  }

  SeededRng rng_;
  ComputeParams params_;
  Entries entries_;
  std::uint64_t height_ = 1;
  std::uint64_t epoch_ = 0;
  Amount escrow_ = 0;
  std::map<std::uint32_t, ModelAccount> all_;
  std::vector<LostName> lost_;
  std::size_t obeyed_ = 0;
};

TEST(Accounts, FollowAPlainModel) {
  std::size_t obeyed = 0;
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Society society(seed);
    for (int i = 0; i < 120; ++i) society.step();
    obeyed += society.obeyed();
  }));
  EXPECT_GT(obeyed, 2'000u) << obeyed;
}

}  // namespace
}  // namespace kith::ledger

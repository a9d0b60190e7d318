// Methods about jobs: what the state of the last final block holds of them, their slots, regions,
// members and disputes. Looked at on another thread (ask_entries): a page may take milliseconds.
#include <algorithm>
#include <limits>
#include <map>

#include "api/call.h"
#include "api/job_views.h"
#include "api/query.h"
#include "base/format.h"
#include "codec/writer.h"
#include "ledger/accounts.h"

namespace kith::api {
namespace {

using codec::EntryKind;
using codec::Height;
using codec::JobId;
using ledger::Entries;

/// Members that one look at all of them takes.
constexpr std::size_t members_looked_at_max = 65'536;

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}
Bytes key_of(std::uint32_t number) {
  Bytes key;
  codec::Writer(key).u32(number);
  return key;
}

std::uint64_t number_of(ByteView id) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : id) number = number << 8 | byte;
  return number;
}

/// What a page is of.
struct PageAsked {
  std::size_t limit = 0;
  Bytes after;  // of an id, what is behind `prefix`; empty: from the first on
};

struct Page {
  Json list = Json::array();
  Json next = nullptr;
};

/// Entries of `kind` whose ids begin with `prefix`. `view` of what is behind it; null: left out.
template <class View>
Page page_of(const Entries& entries, EntryKind kind, const Bytes& prefix, const PageAsked& asked,
             const char* name, const View& view) {
  Page page;
  entries.visit(kind, prefix, [&](ByteView id, const std::shared_ptr<const Bytes>& entry) {
    const ByteView rest = id.subspan(prefix.size());
    if (!asked.after.empty() && !std::ranges::lexicographical_compare(asked.after, rest)) {
      return true;
    }
    if (page.list.size() == asked.limit) {
      page.next = page.list.back()[name];
      return false;
    }
    Json one = view(rest, *entry);
    if (!one.is_null()) page.list.push_back(std::move(one));
    return true;
  });
  return page;
}

/// `after` is a number of `Number`'s size.
template <class Number>
Result<Bytes> after_of(const Call& call) {
  if (!call.params.contains("after")) return Bytes();
  const std::uint64_t after = call.count("after");
  if (after > std::numeric_limits<Number>::max()) {
    return fail(Code::usage, base::format("after: {} is no such number", after));
  }
  return key_of(static_cast<Number>(after));
}

Error no_job(JobId job, Height height) {
  return {Code::not_found, base::format("no job {} at height {}", job.value, height.value)};
}

/// A job's page: its number and height beside it.
Json with_page(JobId job, Height height, const char* name, Page page) {
  return Json{{"height", to_json(height.value)},
              {"job", to_json(job.value)},
              {name, std::move(page.list)},
              {"next", std::move(page.next)}};
}

/// What an account has done in all jobs.
struct Standing {
  codec::AccountId account{};
  std::uint64_t tasks = 0;
  std::uint64_t units = 0;
  std::uint64_t checks = 0;
  std::uint64_t faults = 0;
  std::uint64_t jobs = 0;
};

/// Of the first so many members; false beside it: there are more.
std::pair<std::vector<Standing>, bool> standings_of(const Entries& entries) {
  std::map<codec::AccountId, Standing> all;
  std::size_t looked_at = 0;
  bool is_whole = true;
  entries.visit(EntryKind::member, {}, [&](ByteView id, const auto& bytes) {
    if (++looked_at > members_looked_at_max) return is_whole = false;
    const auto member = entry_of<codec::MemberEntry>(*bytes);
    codec::AccountId account;
    std::ranges::copy(id.subspan(sizeof(std::uint64_t)), account.begin());
    Standing& sum = all[account];
    sum.account = account;
    sum.tasks += member.tasks;
    sum.units += member.units;
    sum.checks += member.checks;
    sum.faults += member.faults;
    ++sum.jobs;
    return true;
  });
  std::vector<Standing> standings;
  for (auto& [account, sum] : all) standings.push_back(sum);
  std::ranges::sort(standings, [](const Standing& a, const Standing& b) {
    return a.units != b.units ? a.units > b.units : a.account < b.account;
  });
  return {std::move(standings), is_whole};
}

Json standing_view(const Standing& standing, const Entries& entries) {
  const auto entry = ledger::find_account(entries, standing.account);
  const bool has_team = entry && entry->team != codec::AccountId{};
  return Json{{"account", base::to_hex(standing.account)},
              {"name", name_or_null(entries, standing.account)},
              {"team", has_team ? Json(base::to_hex(entry->team)) : Json(nullptr)},
              {"tasks", to_json(standing.tasks)},
              {"units", to_json(standing.units)},
              {"checks", to_json(standing.checks)},
              {"faults", to_json(standing.faults)},
              {"jobs", standing.jobs}};
}

}  // namespace

void Api::ask_entries(Instant now, Call call, Look look) {
  if (!may_ask(call)) return;
  const node::Chain& chain = *node_.chain();
  const auto answer = std::make_shared<Json>();
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [entries = chain.states().tip()->registry().by_kind(), height = chain.height(),
       look = std::move(look), answer](const ledger::Store&) -> Result<void> {
        *answer = TRY(look.at(entries, height));
        return {};
      },
      [call = std::move(call), answer](const Result<void>& found, codec::Height) {
        if (!found) return call.fail(found.error());
        call.done(std::move(*answer));
      });
}

void Api::job_list(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const auto after = after_of<std::uint64_t>(call);
  if (!after) return call.fail(after.error());
  ask_entries(
      now, std::move(call),
      Look{[asked = PageAsked{*limit, *after}](const Entries& entries, Height height) {
        Page page =
            page_of(entries, EntryKind::job, {}, asked, "job", [&](ByteView id, ByteView bytes) {
              return job_view({number_of(id)}, entry_of<codec::JobEntry>(bytes), entries, height);
            });
        return Result<Json>(Json{{"height", to_json(height.value)},
                                 {"jobs", std::move(page.list)},
                                 {"next", std::move(page.next)}});
      }});
}

void Api::job_get(Instant now, Call call) {
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id](const Entries& entries, Height height) -> Result<Json> {
                const auto job = ledger::find_job(entries, id);
                if (!job) return base::fail(no_job(id, height));
                Json view = job_view(id, *job, entries, height);
                view["height"] = to_json(height.value);
                return view;
              }});
}

void Api::job_slots(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const auto after = after_of<std::uint32_t>(call);
  if (!after) return call.fail(after.error());
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id, asked = PageAsked{*limit, *after}](const Entries& entries,
                                                           Height height) -> Result<Json> {
                const auto job = ledger::find_job(entries, id);
                if (!job) return base::fail(no_job(id, height));
                Page page = page_of(
                    entries, EntryKind::slot, key_of(id.value), asked, "slot",
                    [&](ByteView number, ByteView bytes) {
                      const codec::SlotId slot{static_cast<std::uint32_t>(number_of(number))};
                      return slot_view(slot, entry_of<codec::SlotEntry>(bytes),
                                       job->spec.round_blocks);
                    });
                return with_page(id, height, "slots", std::move(page));
              }});
}

void Api::job_regions(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const auto after = after_of<std::uint32_t>(call);
  if (!after) return call.fail(after.error());
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id, asked = PageAsked{*limit, *after}](const Entries& entries, Height height) {
                Page page =
                    page_of(entries, EntryKind::region, key_of(id.value), asked, "region",
                            [&](ByteView number, ByteView bytes) {
                              return region_view(static_cast<std::uint32_t>(number_of(number)),
                                                 entry_of<codec::RegionEntry>(bytes));
                            });
                return Result<Json>(with_page(id, height, "regions", std::move(page)));
              }});
}

void Api::job_members(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  Bytes after;
  if (call.params.contains("after")) {
    const auto account = parse_hex<codec::AccountId>("after", call.text("after"));
    if (!account) return call.fail(account.error());
    after.assign(account->begin(), account->end());
  }
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id, asked = PageAsked{*limit, after}](const Entries& entries, Height height) {
                Page page = page_of(entries, EntryKind::member, key_of(id.value), asked, "account",
                                    [&](ByteView account, ByteView bytes) {
                                      codec::AccountId whose;
                                      std::ranges::copy(account, whose.begin());
                                      return member_view(whose, entry_of<codec::MemberEntry>(bytes),
                                                         entries);
                                    });
                return Result<Json>(with_page(id, height, "members", std::move(page)));
              }});
}

void Api::job_finds(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  Bytes after;
  if (call.params.contains("after")) {
    const auto name = parse_hex<codec::Hash>("after", call.text("after"));
    if (!name) return call.fail(name.error());
    after.assign(name->begin(), name->end());
  }
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id, asked = PageAsked{*limit, after}](const Entries& entries, Height height) {
                Page page =
                    page_of(entries, EntryKind::find, key_of(id.value), asked, "find",
                            [&](ByteView name, ByteView bytes) {
                              codec::Hash of;
                              std::ranges::copy(name, of.begin());
                              return find_view(of, entry_of<codec::FindEntry>(bytes), entries);
                            });
                return Result<Json>(with_page(id, height, "finds", std::move(page)));
              }});
}

void Api::job_disputes(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const auto after = after_of<std::uint64_t>(call);
  if (!after) return call.fail(after.error());
  std::optional<JobId> of_job;
  if (call.params.contains("job")) of_job = JobId{call.count("job")};
  ask_entries(
      now, std::move(call),
      Look{[of_job, asked = PageAsked{*limit, *after}](const Entries& entries, Height height) {
        Page page = page_of(entries, EntryKind::dispute, {}, asked, "dispute",
                            [&](ByteView id, ByteView bytes) {
                              const auto dispute = entry_of<codec::DisputeEntry>(bytes);
                              if (of_job && dispute.job != *of_job) return Json(nullptr);
                              return dispute_view(number_of(id), dispute);
                            });
        return Result<Json>(Json{{"height", to_json(height.value)},
                                 {"disputes", std::move(page.list)},
                                 {"next", std::move(page.next)}});
      }});
}

void Api::job_dispute(Instant now, Call call) {
  const std::uint64_t number = call.count("dispute");
  ask_entries(
      now, std::move(call), Look{[number](const Entries& entries, Height height) -> Result<Json> {
        const auto dispute = ledger::find_dispute(entries, number);
        if (!dispute) {
          return base::fail(Code::not_found,
                            base::format("no dispute {} at height {}", number, height.value));
        }
        Json view = dispute_view(number, *dispute);
        view["height"] = to_json(height.value);
        return view;
      }});
}

void Api::compute_leaderboard(Instant now, Call call) {
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  ask_entries(now, std::move(call), Look{[limit = *limit](const Entries& entries, Height height) {
                const auto [standings, is_whole] = standings_of(entries);
                Json list = Json::array();
                for (const Standing& standing : standings) {
                  if (list.size() == limit) break;
                  list.push_back(standing_view(standing, entries));
                }
                return Result<Json>(Json{{"height", to_json(height.value)},
                                         {"is_whole", is_whole},
                                         {"accounts", std::move(list)}});
              }});
}

}  // namespace kith::api

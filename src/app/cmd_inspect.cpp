// kith inspect: the chain of a home whose node does not run.
#include "api/chain_files.h"
#include "app/cmd_operations.h"
#include "base/format.h"
#include "cli/render.h"
#include "consensus/describe.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/store_chain.h"
#include "rt/wal_look.h"

namespace kith::app {
namespace {

/// A home that no node runs on, as long as this lives.
struct StoppedHome {
  Session session;
  rt::HomeLock lock;
  codec::Genesis genesis;
  std::string chain_dir;
};

Result<StoppedHome> open_stopped(const cli::Globals& globals) {
  Session session = TRY(open_session(globals));
  if (!rt::file_exists(session.home)) {
    return fail(Code::not_found, base::format("there is no home {}", session.home));
  }
  rt::HomeLock lock = TRY(rt::HomeLock::take(session.home));
  auto genesis = TRY(load_genesis(session));
  if (!genesis) {
    return fail(Code::not_found, base::format("the home {} keeps no chain", session.home));
  }
  std::string folder = session.home + "/chain";
  return StoppedHome{std::move(session), std::move(lock), *std::move(genesis), std::move(folder)};
}

/// Never makes a store where there is none.
Result<std::unique_ptr<rt::ChainStore>> open_store(const StoppedHome& home) {
  if (!rt::file_exists(home.chain_dir + "/state")) {
    return fail(Code::not_found, base::format("{} holds no chain yet", home.chain_dir));
  }
  return rt::ChainStore::open(home.chain_dir);
}

Result<node::Inspection> look(const StoppedHome& home, bool is_deep) {
  const auto store = TRY(open_store(home));
  node::Inspection inspection = TRY(node::inspect(*store, home.genesis));
  if (inspection.outputs_ever != store->leaf_count()) {
    inspection.problems.push_back(base::format("the file of leaves has {}, the state {}",
                                               store->leaf_count(), inspection.outputs_ever));
    return inspection;
  }
  if (is_deep) {
    const auto leaves = [&](std::uint64_t first, std::size_t count) {
      return store->leaves(first, count);
    };
    TRY_VOID(node::inspect_deep(*store, home.genesis, leaves, inspection));
  }
  return inspection;
}

Result<std::string> show_wal(const cli::Globals& globals) {
  const StoppedHome home = TRY(open_stopped(globals));
  std::vector<api::WalFileView> views;
  for (const rt::WalFileLook& look : TRY(rt::look_at_wal(home.chain_dir + "/votes"))) {
    api::WalFileView& view = views.emplace_back();
    view.name = look.name;
    view.epoch = look.header.segment;
    view.bytes = look.bytes;
    view.begins_anew = look.header.begins_anew;
    view.is_torn = look.is_torn;
    if (look.damage) view.damage = look.damage->message;
    for (const Bytes& bytes : look.records) {
      const auto record = consensus::decode_log_record(bytes);
      view.records.push_back(record ? consensus::describe(*record)
                                    : "no record of ours: " + record.error().message);
    }
  }
  return api::wal_json(views);
}

Result<std::string> show_block(const cli::Globals& globals, std::uint64_t height) {
  const StoppedHome home = TRY(open_stopped(globals));
  const auto store = TRY(open_store(home));
  const auto stored = TRY(node::read_block(*store, {height}));
  if (!stored) return fail(Code::not_found, base::format("no block {} is stored", height));
  return api::stored_block_json(*stored);
}

Result<std::string> replay(const cli::Globals& globals, std::uint64_t until) {
  const StoppedHome home = TRY(open_stopped(globals));
  const auto store = TRY(open_store(home));
  return node::replay(*store, home.genesis, {until});
}

}  // namespace

int run_inspect(const cli::Globals& globals, const cli::InspectArgs& args) {
  const auto home = open_stopped(globals);
  if (!home) return fail_with(globals, home.error());
  const auto inspection = look(*home, args.is_deep);
  if (!inspection) return fail_with(globals, inspection.error());
  const std::string json = api::inspection_json(home->session.home, home->genesis, *inspection);
  print(globals.json ? json : cli::render_object(json));
  for (const std::string& problem : inspection->problems) say(globals, "kith: " + problem);
  return inspection->problems.empty() ? cli::exit_done : cli::exit_found_false;
}

int run_inspect_wal(const cli::Globals& globals) {
  return finish(globals, show_wal(globals), cli::render_object);
}

int run_inspect_block(const cli::Globals& globals, const cli::InspectBlockArgs& args) {
  return finish(globals, show_block(globals, args.height), cli::render_object);
}

int run_inspect_replay(const cli::Globals& globals, const cli::InspectReplayArgs& args) {
  const auto text = replay(globals, args.until);
  if (!text) return fail_with(globals, text.error());
  print(globals.json ? api::dump_json(*text) : *text);
  return text->find("\nverdict good\n") != std::string::npos ? cli::exit_done
                                                             : cli::exit_found_false;
}

}  // namespace kith::app

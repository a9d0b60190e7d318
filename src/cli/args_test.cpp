#include "cli/args.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/wire.h"

namespace kith::cli {
namespace {

std::variant<Parsed, ParseEnd> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "kith");
  return parse_args(static_cast<int>(words.size()), words.data());
}

template <class Args>
Args parsed(const std::vector<const char*>& words, Globals* globals = nullptr) {
  const auto result = parse(words);
  if (const auto* end = std::get_if<ParseEnd>(&result)) {
    ADD_FAILURE() << end->err;
    return {};
  }
  const auto& [found, command] = std::get<Parsed>(result);
  if (globals != nullptr) *globals = found;
  if (const auto* args = std::get_if<Args>(&command)) return *args;
  ADD_FAILURE() << "another verb";
  return {};
}

ParseEnd ended(const std::vector<const char*>& words) {
  const auto result = parse(words);
  if (const auto* end = std::get_if<ParseEnd>(&result)) return *end;
  ADD_FAILURE() << "parsed: " << words.front();
  return {};
}

TEST(Args, EveryVerbBecomesItsStruct) {
  EXPECT_EQ(parsed<InitArgs>({"init", "--network", "testnet"}).network, "testnet");
  const auto start = parsed<StartArgs>({"start", "--listen", "/ip4/1.2.3.4/tcp/1", "--listen",
                                        "/ip4/1.2.3.4/tcp/2", "--bootstrap", "b", "--psk", "k"});
  EXPECT_EQ(start.listen.size(), 2U);
  EXPECT_EQ(start.bootstrap, std::vector<std::string>{"b"});
  EXPECT_EQ(start.psk_file, "k");
  parsed<StopArgs>({"stop"});
  parsed<StatusArgs>({"status"});
  parsed<StatsArgs>({"stats"});
  parsed<DoctorArgs>({"doctor"});
  parsed<IdArgs>({"id"});
  parsed<VersionArgs>({"version"});
  parsed<ConfigShowArgs>({"config", "show"});
  EXPECT_EQ(parsed<ConfigCheckArgs>({"config", "check", "f"}).file, "f");
  EXPECT_EQ(parsed<ConfigDocsArgs>({"config", "docs", "--page", "api"}).page, "api");
  parsed<PeersListArgs>({"peers", "list"});
  EXPECT_EQ(parsed<PeersInfoArgs>({"peers", "info", "P"}).peer, "P");
  EXPECT_EQ(parsed<PeersConnectArgs>({"peers", "connect", "A"}).target, "A");
  EXPECT_EQ(parsed<PeersDisconnectArgs>({"peers", "disconnect", "P"}).peer, "P");
  const auto ban = parsed<PeersBanArgs>({"peers", "ban", "P", "--for", "12h", "--reason", "spam"});
  EXPECT_EQ(ban.peer + ban.span + ban.reason, "P12hspam");
  parsed<PeersBansArgs>({"peers", "bans"});
  EXPECT_EQ(parsed<PeersUnbanArgs>({"peers", "unban", "P"}).peer, "P");
  const auto level = parsed<LogLevelArgs>({"log", "level", "host", "debug"});
  EXPECT_EQ(level.subsystem, "host");
  EXPECT_EQ(level.level, "debug");
  EXPECT_EQ(parsed<LogLevelArgs>({"log", "level"}).level, "");
  EXPECT_EQ(parsed<CompletionArgs>({"completion", "fish"}).shell, "fish");
}

TEST(Args, TopicsHaveOptions) {
  const auto sub = parsed<PubsubSubArgs>(
      {"pubsub", "sub", "t", "--max-age", "30s", "--compression", "zstd", "--priority", "bulk"});
  EXPECT_EQ(make_request("pubsub.sub", topic_params(sub.topic, sub.options)),
            R"({"jsonrpc":"2.0","id":1,"method":"pubsub.sub","params":{"topic":"t",)"
            R"("max_age":"30s","compression":"zstd","priority":"bulk"}})");
  const auto pub = parsed<PubsubPubArgs>({"pubsub", "pub", "t", "x", "--compression", "none"});
  EXPECT_EQ(make_request("pubsub.pub", publish_params(pub.topic, pub.options, pub.data)),
            R"({"jsonrpc":"2.0","id":1,"method":"pubsub.pub","params":{"topic":"t",)"
            R"("compression":"none","data":"x"}})");
  EXPECT_EQ(publish_params("t", {}, "\xff").size(), 2U);
}

TEST(Args, PingAndPerfTakeUnits) {
  const auto ping = parsed<PingArgs>({"ping", "A", "--count", "3", "--interval", "200ms"});
  EXPECT_EQ(ping.target, "A");
  EXPECT_EQ(ping.count, 3U);
  EXPECT_EQ(ping.interval, 200ms);
  const auto perf =
      parsed<PerfArgs>({"perf", "A", "--upload-bytes", "1MiB", "--download-bytes", "1GiB"});
  EXPECT_EQ(perf.upload_bytes, 1048576U);
  EXPECT_EQ(perf.download_bytes, 1073741824U);
}

TEST(Args, DevnetAndSimulate) {
  const auto devnet = parsed<DevnetArgs>({"devnet", "--nodes", "7", "--for", "5s", "--dir", "d",
                                          "--base-port", "0", "--validators", "3"});
  EXPECT_EQ(devnet.nodes, 7U);
  EXPECT_EQ(devnet.run_for, 5s);
  EXPECT_EQ(devnet.dir, "d");
  EXPECT_EQ(devnet.base_port, 0U);
  EXPECT_EQ(parsed<DevnetArgs>({"devnet", "--until-height", "9"}).until_height, 9U);
  EXPECT_FALSE(parsed<DevnetArgs>({"devnet"}).run_for.has_value());
  const auto simulate = parsed<SimulateArgs>(
      {"simulate", "--nodes", "1000", "--seed", "7", "--for", "10m", "--scenario", "churn"});
  EXPECT_EQ(simulate.nodes, 1000U);
  EXPECT_EQ(simulate.seed, 7U);
  EXPECT_EQ(simulate.run_for, 10min);
  EXPECT_EQ(simulate.scenario, "churn");
}

TEST(Args, GlobalOptionsStandAnywhere) {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"--home", "h", "--json", "--set", "a=b,c", "peers", "list"},
           {"peers", "--json", "list", "--home", "h", "--set", "a=b,c"}}) {
    Globals globals;
    parsed<PeersListArgs>(words, &globals);
    EXPECT_EQ(globals.home, "h");
    EXPECT_TRUE(globals.json);
    EXPECT_EQ(globals.sets, std::vector<std::string>{"a=b,c"});
  }
}

TEST(Args, UsageErrorsEndWithTwo) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"ping"},
                                             {"pubsub", "pub", "t", "x", "--max-age", "soon"},
                                             {"pubsub", "sub", "t", "--priority", "high"},
                                             {"--nonsense"},
                                             {"status", "extra"},
                                             {"ping", "A", "--count", "0"},
                                             {"ping", "A", "--count", "x"},
                                             {"ping", "A", "--interval", "5"},
                                             {"perf", "A", "--upload-bytes", "much"},
                                             {"log", "level", "host"},
                                             {"completion", "tcsh"},
                                             {"peers"},
                                             {"devnet", "--base-port", "70000"}}) {
    const ParseEnd end = ended(words);
    EXPECT_EQ(end.exit_code, exit_usage) << words.front();
    EXPECT_FALSE(end.err.empty());
    EXPECT_TRUE(end.out.empty());
  }
  EXPECT_EQ(std::get<ParseEnd>(parse({})).exit_code, exit_usage);
}

TEST(Args, AnUnknownVerbNamesTheNearest) {
  EXPECT_NE(ended({"sttaus"}).err.find("did you mean `kith status`?"), std::string::npos);
  EXPECT_NE(ended({"peers", "lst"}).err.find("did you mean `kith peers list`?"), std::string::npos);
  // Verbs of later versions are not offered.
  EXPECT_NE(ended({"chamber"}).err.find("unknown verb \"chamber\""), std::string::npos);
  const ParseEnd json = ended({"sttaus", "--json"});
  EXPECT_TRUE(json.out.starts_with(R"({"error":{"code":"usage")")) << json.out;
}

TEST(Args, EveryVerbsHelpHasAnExample) {
  const std::vector<std::vector<const char*>> verbs = {{"init"},
                                                       {"start"},
                                                       {"stop"},
                                                       {"status"},
                                                       {"stats"},
                                                       {"doctor"},
                                                       {"id"},
                                                       {"version"},
                                                       {"config"},
                                                       {"config", "show"},
                                                       {"config", "check"},
                                                       {"config", "docs"},
                                                       {"peers"},
                                                       {"peers", "list"},
                                                       {"peers", "info"},
                                                       {"peers", "connect"},
                                                       {"peers", "disconnect"},
                                                       {"peers", "ban"},
                                                       {"peers", "unban"},
                                                       {"peers", "bans"},
                                                       {"ping"},
                                                       {"perf"},
                                                       {"log"},
                                                       {"log", "level"},
                                                       {"devnet"},
                                                       {"simulate"},
                                                       {"completion"},
                                                       {}};
  for (auto words : verbs) {
    words.push_back("--help");
    const ParseEnd end = ended(words);
    EXPECT_EQ(end.exit_code, exit_done) << words.front();
    EXPECT_NE(end.out.find("Example:\n  kith "), std::string::npos) << words.front();
  }
}

TEST(Args, CompletionKnowsEveryVerb) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell);
    for (const char* word : {"devnet", "disconnect", "base-port", "completion"}) {
      EXPECT_NE(script.find(word), std::string::npos) << shell << " " << word;
    }
    EXPECT_EQ(script.find("config docs"), std::string::npos) << "hidden verbs stay so";
  }
}

TEST(CliDocs, ThePageIsWhatTheTreeGenerates) {
  std::ifstream file(KITH_SOURCE_DIR "/docs/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), cli_docs()) << "write it again: kith config docs --page cli > docs/cli.md";
}

}  // namespace
}  // namespace kith::cli

#include "cli/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "cli/args.h"
#include "cli/render.h"
#include "cli/reports.h"

namespace kith::cli {
namespace {

TEST(Wire, RequestsAreOneLineOfJson) {
  EXPECT_EQ(
      make_request("perf", {{"target", std::string("a\"b\n")}, {"upload_bytes", 7U}}),
      R"({"jsonrpc":"2.0","id":1,"method":"perf","params":{"target":"a\"b\n","upload_bytes":7}})");
}

TEST(Wire, ResponsesAreResultsOrErrors) {
  EXPECT_EQ(read_response(R"({"jsonrpc":"2.0","id":1,"result":{"a":1}})").value(), R"({"a":1})");
  const auto error =
      read_response(R"({"id":1,"error":{"code":"not_found","message":"no peer X"}})");
  ASSERT_FALSE(error.has_value());
  EXPECT_EQ(error.error().code, Code::not_found);
  EXPECT_EQ(error.error().message, "no peer X");
  // A later version may know more codes.
  EXPECT_EQ(read_response(R"({"error":{"code":"new","message":"m"}})").error().code,
            Code::internal);
  for (const char* bad : {"", "x", "[]", "{}", R"({"error":7})"}) {
    EXPECT_EQ(read_response(bad).error().code, Code::protocol) << bad;
  }
}

TEST(Wire, ExitCodesFollowTheContract) {
  EXPECT_EQ(exit_code_of({Code::usage, ""}), exit_usage);
  EXPECT_EQ(exit_code_of({Code::permission, ""}), exit_permission);
  EXPECT_EQ(exit_code_of({Code::unreachable, ""}), exit_failed);
}

TEST(Wire, FiguresComeOutOfResults) {
  const auto status = read_status(R"({"peer_id":"P","addresses":["a","b"],"peers":3})");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->peer_id, "P");
  EXPECT_EQ(status->addresses.size(), 2U);
  EXPECT_EQ(status->peers, 3U);
  EXPECT_EQ(read_stats(R"({"ping":{"answered":5,"failed":1}})")->pings_answered, 5U);
  EXPECT_EQ(read_stats(R"({"gossip":{"peers":2,"delivered":7}})")->gossip_peers, 2U);
  const char* const topics = R"({"topics":[{"topic":"a","published":1,"delivered":2},
                                           {"topic":"b","published":3,"delivered":7}]})";
  EXPECT_EQ(read_topic_traffic(topics, "b")->delivered, 7U);
  EXPECT_EQ(read_topic_traffic(topics, "b")->published, 3U);
  EXPECT_EQ(read_topic_traffic(topics, "c")->published, 0U);
  EXPECT_FALSE(read_topic_traffic("{}", "c").has_value());
  EXPECT_EQ(read_stats(R"({"gossip":null})")->gossip_peers, 0U);
  EXPECT_EQ(read_rtt_ms(R"({"rtt_ms":1.5})").value(), 1.5);
  EXPECT_FALSE(read_rtt_ms(R"({"rtt_ms":"fast"})").has_value());
}

TEST(Reports, PingFigures) {
  PingReport report{"T", 4, {3.0, 1.0, 2.0, 9.0}, {}};
  EXPECT_EQ(to_json(report),
            R"({"target":"T","rtt_ms":{"min":1.0,"p50":2.0,"max":9.0},"sent":4,"received":4})");
  report.rtts_ms.clear();
  report.last_error = Error{Code::timeout, "late"};
  EXPECT_EQ(to_json(report),
            R"({"target":"T","rtt_ms":{"min":null,"p50":null,"max":null},"sent":4,"received":0,)"
            R"("error":{"code":"timeout","message":"late"}})");
}

TEST(Reports, DevnetHasTheKeysOfTheContract) {
  DevnetReport report;
  report.nodes = 4;
  const std::string json = to_json(report);
  for (const char* key :
       {"nodes", "validators", "height", "finalized_height", "forks", "peers_per_node_min",
        "finality_ms", "tx_committed", "compute", "wall_s", "clean_exit"}) {
    EXPECT_NE(json.find(std::string("\"") + key + "\":"), std::string::npos) << key;
  }
  EXPECT_NE(json.find("\"height\":null"), std::string::npos) << "what does not exist is not 0";
}

TEST(Reports, DoctorIsWellWithoutFailures) {
  DoctorReport report;
  report.checks = {{"a", DoctorCheck::State::ok, ""}, {"b", DoctorCheck::State::warning, "hm"}};
  EXPECT_TRUE(report.is_well());
  report.checks.push_back({"c", DoctorCheck::State::failed, "no"});
  EXPECT_FALSE(report.is_well());
  EXPECT_NE(to_json(report).find("\"ok\":false"), std::string::npos);
}

TEST(Render, ShowsWhatIsThere) {
  EXPECT_EQ(render_status(R"({"peer_id":"P","height":null,"addresses":["a","b"]})"),
            "peer_id      P\naddresses    a\naddresses    b");
  EXPECT_EQ(render_peers(R"({"peers":[]})"), "no peers");
  EXPECT_NE(
      render_peers(R"({"peers":[{"peer_id":"P","addresses":["a"],"rtt_ms":1.5}]})").find("1.5"),
      std::string::npos);
  EXPECT_EQ(render_object("not json"), "not json");
}

TEST(Render, NoControlCharacterOfAPeerReachesTheTerminal) {
  const std::string text =
      render_peers("{\"peers\":[{\"peer_id\":\"P\",\"agent\":\"\\u001b[2J\\u0007\\u009b2J\"}]}");
  for (const char c : text) {
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  }
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
}

TEST(Render, AnyTextIsAnswered) {
  ASSERT_TRUE(rc::check("rendering neither crashes nor throws", [](const std::string& text) {
    const std::vector<std::string> all = {text, "{\"peers\":" + text + "}",
                                          "{\"peers\":[{\"agent\":7}]}", "{\"peers\":[7]}"};
    for (const std::string& json : all) {
      (void)render_status(json);
      (void)render_peers(json);
      (void)render_perf(json);
      (void)render_object(json);
      (void)read_response(json);
      (void)read_status(json);
    }
  }));
}

}  // namespace
}  // namespace kith::cli

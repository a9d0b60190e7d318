#include "cli/args_file.h"

#include <gtest/gtest.h>

#include "cli/args.h"
#include "cli/reports_file.h"

namespace kith::cli {
namespace {

std::variant<Parsed, ParseEnd> parse_words(std::vector<const char*> words) {
  words.insert(words.begin(), "kith");
  return parse_args(static_cast<int>(words.size()), words.data());
}

template <class Args>
Args parsed(const std::vector<const char*>& words) {
  const auto result = parse_words(words);
  if (const auto* end = std::get_if<ParseEnd>(&result)) {
    ADD_FAILURE() << end->err;
    return {};
  }
  if (const auto* args = std::get_if<Args>(&std::get<Parsed>(result).command)) return *args;
  ADD_FAILURE() << "another verb than " << words[0];
  return {};
}

int exit_of(const std::vector<const char*>& words) {
  const auto result = parse_words(words);
  const auto* end = std::get_if<ParseEnd>(&result);
  return end != nullptr ? end->exit_code : -1;
}

TEST(ArgsFile, ReceivingAndSending) {
  const auto plain = parsed<ReceiveArgs>({"receive"});
  EXPECT_EQ(plain.dir, ".");
  EXPECT_TRUE(plain.listen.empty() && plain.from.empty() && !plain.once && !plain.size_max);
  const auto all = parsed<ReceiveArgs>({"receive", "--dir", "d", "--listen", "a", "--listen", "b",
                                        "--once", "--max-size", "1GiB", "--from", "p", "--from",
                                        "q", "--psk", "k", "--json"});
  EXPECT_EQ(all.dir + all.psk_file, "dk");
  EXPECT_EQ(all.listen, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(all.from, (std::vector<std::string>{"p", "q"}));
  EXPECT_TRUE(all.once);
  EXPECT_EQ(all.size_max, std::uint64_t{1} << 30);
  const auto send = parsed<SendArgs>({"send", "f", "t", "--name", "n", "--psk", "k"});
  EXPECT_EQ(send.file + send.target + send.name + send.psk_file, "ftnk");
  EXPECT_EQ(parsed<SendArgs>({"send", "f", "t"}).name, "");
  EXPECT_EQ(exit_of({"send", "f"}), exit_usage);
  EXPECT_EQ(exit_of({"receive", "--max-size", "huge"}), exit_usage);
}

TEST(ReportsFile, OneObjectALine) {
  FileReport report{true, "a", "", "P", "ff", "udp/kith", 3 << 20, 1 << 20, 2};
  EXPECT_EQ(report.mib_s(), 1);  // of what this try brought
  EXPECT_EQ(to_json(report),
            R"({"sent":true,"name":"a","peer_id":"P","size":3145728,"resumed_from":1048576,)"
            R"("sha256":"ff","seconds":2.0,"mib_s":1.0,"transport":"udp/kith"})");
  report.is_sent = false;
  report.path = "d/a.1";
  EXPECT_TRUE(to_json(report).starts_with(R"({"received":true,"name":"a","path":"d/a.1",)"));
  report.seconds = 0;
  EXPECT_EQ(report.mib_s(), 0);
  EXPECT_EQ(to_json(ListeningReport{"P", {"/x"}, "d"}),
            R"({"listening":true,"peer_id":"P","addresses":["/x"],"dir":"d"})");
  const ListeningReport both{"P", {"/ip4/1/tcp/2", "/ip4/1/udp/3/kith", "/ip6/1/udp/4/kith"}, "d"};
  EXPECT_TRUE(to_json(both).find(R"(["/ip4/1/udp/3/kith","/ip6/1/udp/4/kith","/ip4/1/tcp/2"])") !=
              std::string::npos);
  EXPECT_TRUE(to_text(both).ends_with(
      "\n  kith send FILE /ip4/1/udp/3/kith\n  kith send FILE /ip6/1/udp/4/kith"
      "\n  kith send FILE /ip4/1/tcp/2"));
  EXPECT_EQ(to_text(ListeningReport{"P", {}, "d"}),
            "files go to d; but this host has no address, so nobody can send any");
  EXPECT_EQ(to_json(FileFailureReport{"", "P", {Code::closed, "gone"}}),
            R"({"received":false,"name":null,"peer_id":"P",)"
            R"("error":{"code":"closed","message":"gone"}})");
}

}  // namespace
}  // namespace kith::cli

// For tests: a remote signer with its log, and what its clients hear. What it writes is durable at
// once, unless a test holds it back; a restart begins with what is durable.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "codec/test_votes.h"
#include "consensus/signer.h"

namespace kith::consensus::test {

class SignerRig {
 public:
  explicit SignerRig(const SignerRecord& first = LogBegun{}) : log{encode(first)} { restart(); }

  /// The process ends and begins again; connections with it.
  void restart() {
    appends.clear();
    heard.clear();
    signer = std::make_unique<Signer>(SignerConfig{.log_bytes_max = log_bytes_max}, key,
                                      base::null_log());
    if (!signer->recover(log)) signer->begin_lost();
    drain();
  }
  std::uint64_t tell(std::uint64_t client, decltype(codec::SignerRequest::what) what) {
    const codec::SignerRequest request{++number_, std::move(what)};
    signer->on_input(now, ClientSaid{{client}, codec::encode(request)});
    drain();
    return number_;
  }
  void hello(std::uint64_t client, const std::string& name = "") {
    tell(client, codec::SignerHello{codec::test_genesis,
                                    name.empty() ? "node" + std::to_string(client) : name});
  }
  /// Hello and the lease.
  void lead(std::uint64_t client) {
    hello(client);
    lease(client);
  }
  void lease(std::uint64_t client) { tell(client, codec::LeaseAsk{}); }
  void leave(std::uint64_t client) {
    signer->on_input(now, ClientLeft{{client}});
    drain();
  }
  /// The answer, when it has come.
  const codec::SignerAnswer* answer(std::uint64_t client, std::uint64_t number) {
    for (const codec::SignerAnswer& each : heard[{client}]) {
      if (each.number == number) return &each;
    }
    return nullptr;
  }
  template <class T>
  std::optional<T> last(std::uint64_t client) {
    const auto& all = heard[{client}];
    if (all.empty()) return std::nullopt;
    const T* const found = std::get_if<T>(&all.back().what);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  /// The signature, or why not.
  std::variant<crypto::Signature, codec::SignerRefusal> vote(std::uint64_t client,
                                                             const Statement& statement,
                                                             bool holds_notarization = true) {
    tell(client, codec::SignAsk(codec::SignVote{statement, holds_notarization}));
    if (const auto given = last<codec::SignatureGiven>(client)) return given->signature;
    if (const auto refused = last<codec::SignerRefusal>(client)) return *refused;
    ADD_FAILURE() << "no answer";
    return codec::SignerRefusal{};
  }
  bool is_signed(std::uint64_t client, const Statement& statement, bool holds = true) {
    return std::holds_alternative<crypto::Signature>(vote(client, statement, holds));
  }
  codec::RefusalKind refusal(std::uint64_t client, const Statement& statement) {
    const auto said = vote(client, statement);
    const auto* const refused = std::get_if<codec::SignerRefusal>(&said);
    EXPECT_NE(refused, nullptr);
    return refused == nullptr ? codec::RefusalKind{} : refused->kind;
  }
  void drain() {
    while (auto output = signer->poll_output(now)) {
      if (auto* append = std::get_if<SignerAppend>(&*output)) {
        appends.push_back(std::move(*append));
        if (!holds_log) write();
      } else if (const auto* say = std::get_if<SayToClient>(&*output)) {
        heard[say->client].push_back(codec::decode_signer_answer(say->frame).value());
      } else {
        dropped.insert(std::get<DropClient>(*output).client);
      }
    }
  }
  /// The first write that waits is durable.
  void write() {
    const SignerAppend append = std::move(appends.front());
    appends.pop_front();
    ++writes;
    if (append.begins_anew) log.clear();
    log.insert(log.end(), append.records.begin(), append.records.end());
    signer->on_input(now, SignerLogged{append.token});
  }

  crypto::KeyPair key = codec::key_of_number(1);
  std::size_t log_bytes_max = 8 * 1024 * 1024;
  std::vector<Bytes> log;  // durable
  std::unique_ptr<Signer> signer;
  Instant now;
  bool holds_log = false;
  std::deque<SignerAppend> appends;  // not durable yet
  std::size_t writes = 0;
  std::map<ClientId, std::vector<codec::SignerAnswer>> heard;
  std::set<ClientId> dropped;

 private:
  std::uint64_t number_ = 0;
};

}  // namespace kith::consensus::test

// The node's connection to its remote signer: dialled at the start and again whenever it has ended,
// every `retry_every`. Says SignerUp, SignerSaid and SignerDown to the machine
// (host/world_chain.h). On the reactor's thread. Internal to rt.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "rt/asio.h"
#include "rt/rng_system.h"
#include "rt/signer_address.h"
#include "rt/signer_pipe.h"
#include "rt/turns.h"

namespace kith::rt {

class SignerLink {
 public:
  static constexpr Duration retry_every = 500ms;
  static constexpr Duration connect_max = 5s;

  /// `identity`: the node's, for Noise. All outlive it.
  SignerLink(asio::io_context& io, Turns& turns, SignerAddress address,
             const crypto::KeyPair& identity);
  ~SignerLink();
  SignerLink(const SignerLink&) = delete;
  SignerLink& operator=(const SignerLink&) = delete;

  void start();
  void tell(ByteView frame);
  void leave();

 private:
  struct Connection;
  Result<Fd> begin_connect() const;
  void connected(const std::shared_ptr<Connection>& connection);
  void arm_read(const std::shared_ptr<Connection>& connection);
  void serve(const std::shared_ptr<Connection>& connection);
  void write(const std::shared_ptr<Connection>& connection);
  void down(Error error, bool was_left);

  asio::io_context& io_;
  Turns& turns_;
  const SignerAddress address_;
  SystemRng rng_;
  const secure::NoiseIdentity identity_;
  Timer timer_;
  std::shared_ptr<Connection> connection_;  // under way, or up
  std::string said_down_;                   // why it is down, as the machine was told
};

}  // namespace kith::rt

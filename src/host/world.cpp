#include "host/world.h"

#include <algorithm>

#include "codec/writer.h"

namespace kith::host {

SignaturesVerified verify_signatures(const VerifySignatures& work) {
  SignaturesVerified verified{work.token, {}};
  verified.valid.reserve(work.jobs.size());
  Bytes signed_bytes;
  for (const SignatureJob& job : work.jobs) {
    signed_bytes.assign(work.domain.begin(), work.domain.end());
    base::append(signed_bytes, job.message.view());
    verified.valid.push_back(
        crypto::verify(job.key, signed_bytes, job.signature.view()).has_value());
  }
  return verified;
}

std::size_t WorldMachine::on_datagrams(Instant, const base::DatagramsIn& in) {
  return in.bytes.size();
}

base::DatagramsOut WorldMachine::poll_datagrams(Instant, ByteSpan) { return {}; }

std::optional<base::IpPort> as_datagram_address(const codec::Multiaddr& address) {
  const codec::Multiaddr bare = address.without_peer();
  const auto parts = bare.components();
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const bool is_v4 = parts[0].protocol == codec::AddrProtocol::ip4;
  const bool is_v6 = parts[0].protocol == codec::AddrProtocol::ip6;
  if ((!is_v4 && !is_v6) || parts[1].protocol != codec::AddrProtocol::udp) return std::nullopt;
  if (parts.size() == 3 && parts[2].protocol != codec::AddrProtocol::kith) return std::nullopt;
  base::IpPort found;
  std::ranges::copy(parts[0].value, found.ip.begin());
  found.port = static_cast<std::uint16_t>(parts[1].value[0] << 8 | parts[1].value[1]);
  found.is_v6 = is_v6;
  return found;
}

codec::Multiaddr datagram_address(const base::IpPort& address) {
  Bytes bytes;
  codec::Writer writer(bytes);
  const auto protocol = [&](codec::AddrProtocol p) {
    writer.varint(static_cast<std::uint64_t>(p));
  };
  protocol(address.is_v6 ? codec::AddrProtocol::ip6 : codec::AddrProtocol::ip4);
  writer.bytes(address.ip_bytes());
  protocol(codec::AddrProtocol::udp);
  writer.u16(address.port);
  protocol(codec::AddrProtocol::kith);
  return codec::Multiaddr::decode(bytes).value();
}

WorldInput::WorldInput(const WorldInput&) = default;
WorldInput& WorldInput::operator=(const WorldInput&) = default;
WorldInput::WorldInput(WorldInput&&) noexcept = default;
WorldInput& WorldInput::operator=(WorldInput&&) noexcept = default;
WorldInput::~WorldInput() = default;

WorldOutput::WorldOutput(const WorldOutput&) = default;
WorldOutput& WorldOutput::operator=(const WorldOutput&) = default;
WorldOutput::WorldOutput(WorldOutput&&) noexcept = default;
WorldOutput& WorldOutput::operator=(WorldOutput&&) noexcept = default;
WorldOutput::~WorldOutput() = default;

}  // namespace kith::host

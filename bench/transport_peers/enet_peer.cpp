// ENet: reliable packets in order, on one channel, unencrypted.

#include <enet/enet.h>

#include "peer.h"

namespace {

using peer::Options;
using peer::Result;
using peer::Stopwatch;

constexpr std::size_t packet_bytes = 64 * 1024;  // of a stream; ENet cuts them at its MTU, 1400
constexpr std::uint64_t ahead_bytes_max = 4 * 1024 * 1024;
constexpr std::uint64_t ahead_packets_max = 4096;
constexpr enet_uint32 connect_ms = 5000;
constexpr enet_uint32 wait_ms = 10;

std::uint64_t acknowledged = 0;

void count_acknowledged(ENetPacket*) { ++acknowledged; }

ENetHost* new_host(const ENetAddress* address) {
  ENetHost* host = enet_host_create(address, 1, 1, 0, 0);
  if (host == nullptr) peer::die("enet_host_create");
  return host;
}

Result send(const Options& options) {
  ENetHost* host = new_host(nullptr);
  ENetAddress address{};
  enet_address_set_host_ip(&address, options.address.c_str());
  address.port = options.port;
  ENetPeer* other = enet_host_connect(host, &address, 1, 0);
  ENetEvent event{};
  if (enet_host_service(host, &event, connect_ms) <= 0 || event.type != ENET_EVENT_TYPE_CONNECT) {
    peer::die("enet: no connection");
  }
  const std::size_t size = options.mode == "stream" ? packet_bytes : options.message_bytes;
  const std::uint64_t ahead_max = std::min(ahead_bytes_max / size, ahead_packets_max);
  const std::vector<unsigned char> data(size, 7);
  Result result;
  const Stopwatch watch;
  while (peer::goes_on(options, result.bytes, watch)) {
    while (result.messages - acknowledged < ahead_max) {
      ENetPacket* packet = enet_packet_create(data.data(), size, ENET_PACKET_FLAG_RELIABLE);
      packet->freeCallback = count_acknowledged;
      enet_peer_send(other, 0, packet);
      result.bytes += size;
      ++result.messages;
    }
    if (enet_host_service(host, &event, wait_ms) > 0 && event.type == ENET_EVENT_TYPE_DISCONNECT) {
      result.seconds = watch.seconds();
      return result;
    }
  }
  enet_peer_disconnect_later(other, 0);
  while (enet_host_service(host, &event, connect_ms) > 0) {
    if (event.type == ENET_EVENT_TYPE_DISCONNECT) break;
  }
  result.seconds = watch.seconds();
  enet_host_destroy(host);
  return result;
}

Result receive(const Options& options) {
  ENetAddress address{};
  enet_address_set_host_ip(&address, options.address.c_str());
  address.port = options.port;
  ENetHost* host = new_host(&address);
  ENetAddress bound{};
  enet_socket_get_address(host->socket, &bound);
  peer::say_listening(bound.port);

  Result result;
  Stopwatch watch;
  ENetEvent event{};
  while (true) {
    if (enet_host_service(host, &event, 1000) <= 0) continue;  // the caller's patience ends it
    if (event.type == ENET_EVENT_TYPE_DISCONNECT) break;
    if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
    if (result.messages == 0) watch = Stopwatch();
    result.bytes += event.packet->dataLength;
    ++result.messages;
    result.seconds = watch.seconds();
    enet_packet_destroy(event.packet);
  }
  enet_host_destroy(host);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = peer::read_options(argc, argv);
  if (options.mode != "stream" && options.mode != "messages") peer::die("enet: no such mode");
  if (enet_initialize() != 0) peer::die("enet_initialize");
  Result result = options.is_sender ? send(options) : receive(options);
  peer::say(options, result);
  enet_deinitialize();
  return 0;
}

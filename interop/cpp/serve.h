// The interop protocols, served: as interop/README.md describes them. Ping, identify and perf
// are the host's own.
#pragma once

#include <kith/host.h>

namespace interop {

inline constexpr const char* early_protocol = "/kith-interop/early/1.0.0";
inline constexpr const char* echo_protocol = "/kith-interop/echo/1.0.0";
inline constexpr const char* fate_protocol = "/kith-interop/fate/1.0.0";
inline constexpr const char* watch_protocol = "/kith-interop/watch/1.0.0";
inline constexpr const char* sink_protocol = "/kith-interop/sink/1.0.0";
inline constexpr const char* reset_protocol = "/kith-interop/reset/1.0.0";
inline constexpr const char* none_protocol = "/kith-interop/none/1.0.0";

void serve(kith::Host& host);
/// What the peer shows where WebSockets have TLS, and whom it believes.
kith::WebSocketOptions web_options();

}  // namespace interop

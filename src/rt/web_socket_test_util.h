// For tests only: a reactor that listens and dials itself; an authority, and a certificate of
// node.example and 127.0.0.1 with its key, both good from 2020 to 2120. The authority's own key was
// thrown away. As `openssl ca` makes them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "rt/reactor_impl.h"
#include "rt/test_world.h"
#include "rt/web_socket.h"

namespace kith::rt {

inline constexpr std::string_view test_authority = R"(-----BEGIN CERTIFICATE-----
MIIBgjCCASigAwIBAgIUOlmdgWpZOCS2tmhcJX4xYjohnCQwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTS2l0aCB0ZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBa
GA8yMTIwMDEwMTAwMDAwMFowHjEcMBoGA1UEAwwTS2l0aCB0ZXN0IGF1dGhvcml0
eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOYCt8QtF2HYH4HjPmXlUVwvYMvG
2+U3MKiEv5xSaxT24ItHEEng8qKYYUwb/bmlHwAgPVtM5cIkas4uSzOG9gCjQjBA
MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBRrdKz8
CwChpJ8huaMLkcizWaCOvzAKBggqhkjOPQQDAgNIADBFAiEApJ8/iUFMrLL8N8iy
LTFGdUYyqZm5xXt3+zXzZ6Ja98oCIFZ0fJb1S9NP53k3s+XMputVsK2kjPl4grHy
AjEK/zs6
-----END CERTIFICATE-----
)";

inline constexpr std::string_view test_certificate = R"(-----BEGIN CERTIFICATE-----
MIIBzjCCAXWgAwIBAgIUARPYfJknWejGp9mD/YC4u4nRIy8wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTS2l0aCB0ZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBa
GA8yMTIwMDEwMTAwMDAwMFowFzEVMBMGA1UEAwwMbm9kZS5leGFtcGxlMFkwEwYH
KoZIzj0CAQYIKoZIzj0DAQcDQgAE4bj9XVwf8uTHy+ZkDWgSOzlen8l2R6IgHAQe
iYqf+TJ+qJRkFrkBwNYwXJ4hLUMZKslLscOVDhqdPgbjeG5CoaOBlTCBkjAMBgNV
HRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAd
BgNVHREEFjAUggxub2RlLmV4YW1wbGWHBH8AAAEwHQYDVR0OBBYEFLmr07YgbxA/
r0WMAnsfPjMyOprBMB8GA1UdIwQYMBaAFGt0rPwLAKGknyG5owuRyLNZoI6/MAoG
CCqGSM49BAMCA0cAMEQCIFwyKOV+7rdeZevkelBQuVB9GPhs473GhE6W6eHJlRTl
AiA0VQKoD2/Z7WB83r9VAJCfdYrXs8q1CXX9Vk2aZtSFVw==
-----END CERTIFICATE-----
)";

inline constexpr std::string_view test_certificate_key = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1TL8wyqYgVTGpzpa
4SKuqG8RPmMMnCmPB4BvFfFUzcyhRANCAAThuP1dXB/y5MfL5mQNaBI7OV6fyXZH
oiAcBB6Jip/5Mn6olGQWuQHA1jBcniEtQxkqyUuxw5UOGp0+BuN4bkKh
-----END PRIVATE KEY-----
)";

inline std::string write_test_file(const std::string& path, std::string_view text) {
  std::ofstream(path) << text;
  return path;
}

/// A configuration that serves with the certificate, and believes its authority; its files are in
/// `folder`.
inline WebSocketConfig test_web_config(const std::string& folder) {
  WebSocketConfig config;
  config.tls_certificate = write_test_file(folder + "/web.pem", test_certificate);
  config.tls_key = write_test_file(folder + "/web.key", test_certificate_key);
  config.tls_authorities = write_test_file(folder + "/authority.pem", test_authority);
  return config;
}

inline bool has_text(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Listens on `listens`, and dials what it is bound to, perhaps changed by the test.
class WebDial {
 public:
  static constexpr LinkId dialled{2};
  static constexpr LinkId accepted{1};

  explicit WebDial(const std::string& listens, ReactorConfig config = {},
                   std::function<void(WebSocketConfig&)> change = {})
      : reactor(world, std::move(config), base::null_log(), nullptr) {
    WebSocketConfig web = test_web_config(folder.path());
    if (change) change(web);
    const auto set = set_web_sockets(reactor, web);
    EXPECT_TRUE(set) << set.error().message;
    world.say(host::Listen{TestWorld::address(listens)});
    world.on_listening = [this](const host::Listening& i) {
      bound = i.bound;
      if (dials) world.say(host::DialLink{dialled, target ? target(i.bound) : i.bound, dial_max});
      if (on_bound) on_bound(codec::as_transport(i.bound)->port);
    };
  }

  bool both_open() const { return world.opened.size() == 2; }
  const host::LinkOpened& opened(LinkId link) const {
    const auto found = std::ranges::find(world.opened, link, &host::LinkOpened::link);
    EXPECT_NE(found, world.opened.end());
    return *found;
  }
  std::optional<Error> close_error(LinkId link) const {
    const auto found = std::ranges::find(world.closed, link, &host::LinkClosed::link);
    if (found == world.closed.end()) return std::nullopt;
    return found->error;
  }
  bool is_closed(LinkId link) const { return close_error(link).has_value(); }
  Links& links() { return reactor.impl().links; }

  TempDir folder;
  TestWorld world;
  Reactor reactor;
  codec::Multiaddr bound;
  std::function<codec::Multiaddr(const codec::Multiaddr&)> target;
  std::function<void(std::uint16_t port)> on_bound;
  bool dials = true;
  Duration dial_max = 5s;
};

}  // namespace kith::rt

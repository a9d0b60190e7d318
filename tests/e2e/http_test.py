"""The HTTP API of running nodes: what anybody may read, what needs the token, events, metrics."""
import json
import pathlib
import re
import socket
import threading

from e2e import API, Case, kith, main, wait_for
from web import Socket, ask, connect, read_all

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def metric(node, name):
    """The sum of a metric's samples; of one with labels when `name` has them."""
    text = ask(node.api + "/metrics").body.decode()
    found = [line for line in text.splitlines()
             if line.startswith(name + " ") or line.startswith(name + "{")]
    assert found, f"no {name}"
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


class HttpTest(Case):
    def pair(self):
        a = self.start("a")
        b = self.start("b", "--bootstrap", a.address)
        wait_for(lambda: ask(a.api + "/v1/status").json()["peers"] == 1, "b at a")
        return a, b

    def test_reads_are_what_the_command_line_shows(self):
        a, b = self.pair()
        self.assertEqual(ask(a.api + "/livez").json(), {"alive": True})
        self.assertEqual(ask(a.api + "/readyz").json(), {"ready": True})
        self.assertEqual(ask(a.api + "/v1/status").json()["peer_id"], a.peer_id)
        self.assertEqual(ask(a.api + "/v1/id").json()["node_id"], a.call("id")["node_id"])
        peers = ask(a.api + "/v1/peers").json()["peers"]
        self.assertEqual([peer["peer_id"] for peer in peers], [b.peer_id])
        info = ask(f"{a.api}/v1/peers/{b.peer_id}").json()
        self.assertEqual(info["peer_id"], b.peer_id)
        page = ask(a.api + "/")
        self.assertIn("text/html", page.headers["Content-Type"])
        rpc = ask(a.api + "/rpc", "POST", [{"jsonrpc": "2.0", "id": 1, "method": "status"},
                                           {"jsonrpc": "2.0", "id": 2, "method": "nonesuch"}])
        self.assertEqual(rpc.json()[0]["result"]["peer_id"], a.peer_id)
        self.assertEqual(rpc.json()[1]["error"]["code"], -32601)

    def test_the_token_is_what_opens(self):
        node = self.start("a")
        token_file = node.home / "api.token"
        self.assertEqual(token_file.stat().st_mode & 0o777, 0o600)
        self.assertRegex(node.token, "^[0-9a-f]{64}$")
        stop = node.api + "/v1/stop"
        self.assertEqual(ask(stop, "POST").status, 401)
        self.assertEqual(ask(stop, "POST", token="0" * 64).status, 403)
        self.assertEqual(ask(stop, "POST", token=node.token,
                             headers={"Origin": "http://evil.example"}).status, 403)
        self.assertEqual(ask(stop, "POST", token=node.token,
                             headers={"Host": "evil.example"}).status, 403)
        self.assertIsNone(node.process.poll())
        self.assertEqual(ask(stop, "POST", token=node.token).json(), {"stopping": True})
        self.assertEqual(node.process.wait(20), 0)

    def test_the_token_stays_and_is_guarded(self):
        self.assertEqual(kith("--home", self.home("a"), "init").code, 0)
        made = (self.home("a") / "api.token").read_text()
        node = self.start("a")
        self.assertEqual(node.token, made.strip())
        node.end()
        (self.home("a") / "api.token").chmod(0o644)
        refused = kith("--home", self.home("a"), "--json", "start", API)
        self.assertEqual(refused.code, 5)
        self.assertIn("chmod 600", refused.json()["error"]["message"])
        (self.home("a") / "api.token").chmod(0o600)
        (self.home("a") / "api.token").write_text("short\n")
        self.assertEqual(kith("--home", self.home("a"), "--json", "start", API).json()["error"]
                         ["code"], "malformed")

    def test_a_wider_address_keeps_reads_too(self):
        node = self.start("a", api="--set=api.http=/ip4/0.0.0.0/tcp/0")
        url = node.api.replace("0.0.0.0", "127.0.0.1")
        self.assertEqual(ask(url + "/livez").status, 200)
        for path in ("/v1/status", "/metrics", "/rpc"):
            self.assertEqual(ask(url + path).status, 401, path)
        self.assertEqual(ask(url + "/v1/status", token=node.token).status, 200)
        self.assertEqual(self.socket(url).status, 401)
        self.assertEqual(self.socket(url, headers={
            "Sec-WebSocket-Protocol": f"kith.events.v1, kith.bearer.{node.token}"}).status, 101)

    def test_a_taken_default_is_a_warning(self):
        taken = socket.socket()
        self.addCleanup(taken.close)
        # An earlier run's connections may still be ending there.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 4775))
            taken.listen()
        except OSError as error:
            self.skipTest(f"127.0.0.1:4775 cannot be had: {error}")
        node = self.start("a", api=None)
        self.assertEqual(node.ready["api"], [])
        wait_for(lambda: "there is no HTTP API" in node.log(), "the warning")

    def test_peers_by_http(self):
        a = self.start("a")
        b = self.start("b")
        made = ask(a.api + "/v1/peers", "POST", {"target": b.address}, token=a.token)
        self.assertEqual(made.json(), {"peer_id": b.peer_id, "connected": True})
        ping = ask(a.api + "/v1/ping", "POST", {"target": b.peer_id}, token=a.token).json()
        self.assertGreater(ping["rtt_ms"], 0)
        self.assertEqual(ask(f"{a.api}/v1/bans/{b.peer_id}", "PUT", {"for": "1h"},
                             token=a.token).status, 200)
        wait_for(lambda: ask(a.api + "/v1/status").json()["peers"] == 0, "the ban's effect")
        self.assertEqual(ask(a.api + "/v1/peers", "POST", {"target": b.address},
                             token=a.token).status, 409)
        self.assertEqual(ask(f"{a.api}/v1/bans/{b.peer_id}", "DELETE", token=a.token).status, 200)
        nobody = ask(a.api + "/v1/ping", "POST", {"target": "/ip4/127.0.0.1/tcp/1"}, token=a.token)
        self.assertEqual((nobody.status, nobody.json()["error"]["code"]), (409, "refused"))

    def test_events_and_messages(self):
        a, b = self.pair()
        quiet = self.socket(a.api, "/v1/events?kinds=peer_down")
        self.assertEqual(quiet.receive()["event"], "hello")
        listener = self.socket(a.api, token=a.token)
        self.assertEqual(listener.receive()["peer_id"], a.peer_id)
        self.assertEqual(listener.request(1, "version")["result"]["version"],
                         ask(a.api + "/v1/version").json()["version"])
        self.assertEqual(listener.request(2, "pubsub.sub", {"topic": "news"})["result"],
                         {"subscribed": True})
        self.assertEqual(quiet.request(3, "pubsub.sub", {"topic": "news"})["error"]["data"]["code"],
                         "permission")
        publish = b.api + "/v1/pubsub/messages"
        wait_for(lambda: ask(b.api + "/v1/pubsub/topics/news/peers").json()["peers"], "a's topic")
        self.assertEqual(ask(publish, "POST", {"topic": "news", "data": "grüße"},
                             token=b.token).json(), {"recipients": 1})
        message = listener.receive_until(lambda m: m.get("event") == "message")
        self.assertEqual((message["topic"], message["data"], message["from"]),
                         ("news", "grüße", b.peer_id))
        listener.close()
        wait_for(lambda: not ask(a.api + "/v1/pubsub/topics").json()["topics"],
                 "the end of the subscription")
        b.end()
        gone = quiet.receive()
        self.assertEqual((gone["event"], gone["peer_id"]), ("peer_down", b.peer_id))

    def socket(self, *arguments, **options):
        made = Socket(*arguments, **options)
        self.addCleanup(made.close)
        return made

    def test_sockets_of_other_sites_are_refused(self):
        node = self.start("a")
        evil = {"Origin": "http://evil.example"}
        self.assertEqual(self.socket(node.api, headers=evil).status, 403)
        self.assertEqual(self.socket(node.api, headers={"Origin": node.api}).status, 101)
        self.assertEqual(self.socket(node.api, "/v1/status").status, 200)
        binary = self.socket(node.api)
        binary.receive()
        binary.send(b"\x00", 2)
        self.assertEqual(binary.receive(), (1003, "text messages only"))

    def test_what_is_no_http_is_refused_and_harms_nobody(self):
        node = self.start("a")
        for bad, status in ((b"\x13/multistream/1.0.0\n\r\n\r\n", b"400"),
                            (b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"400"),
                            (b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n", b"400"),
                            (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20000, b"431"),
                            (b"GET / HTTP/1.1\r\n\r\n", b"400")):
            with connect(node.api) as sock:
                sock.sendall(bad)
                sock.shutdown(1)
                self.assertIn(status, read_all(sock)[:20], bad[:40])
        self.assertEqual(ask(node.api + "/livez").status, 200)

    def test_many_requests_at_once(self):
        node = self.start("a", "--set=api.rate=100000", "--set=api.rate_burst=100000")
        with connect(node.api) as sock:
            request = b"GET /v1/version HTTP/1.1\r\nHost: localhost\r\n"
            sock.sendall((request + b"\r\n") * 99 + request + b"Connection: close\r\n\r\n")
            self.assertEqual(read_all(sock).count(b"HTTP/1.1 200 OK"), 100)
        failed = []

        def run():
            for _ in range(20):
                if ask(node.api + "/v1/status").status != 200:
                    failed.append(1)
        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertGreaterEqual(metric(node, 'kith_api_responses_total{status="2xx"}'), 260)

    def test_whoever_goes_gives_up_what_it_asked_for(self):
        a = self.start("a")
        b = self.start("b", "--set", "perf.serve=true")
        asked = json.dumps({"target": b.address, "download_bytes": 10**15})
        with connect(a.api) as sock:
            sock.sendall("\r\n".join([
                "POST /v1/perf HTTP/1.1", "Host: localhost", f"Authorization: Bearer {a.token}",
                f"Content-Length: {len(asked)}", "", asked]).encode())
            wait_for(lambda: metric(a, "kith_api_requests_waiting") == 1, "the transfer")
        # It only ended its direction, for all that one can see: 10 s.
        wait_for(lambda: metric(a, "kith_api_requests_waiting") == 0, "its end", 40)

    def test_metrics_count_what_was_done(self):
        a, b = self.pair()
        before = metric(a, "kith_host_sent_bytes_total")
        pings = metric(a, 'kith_ping_pings_total{result="answered"}')
        for _ in range(3):
            ask(a.api + "/v1/ping", "POST", {"target": b.peer_id}, token=a.token)
        self.assertGreaterEqual(metric(a, 'kith_ping_pings_total{result="answered"}'), pings + 3)
        self.assertGreater(metric(a, "kith_host_sent_bytes_total"), before)
        self.assertEqual(metric(a, 'kith_host_connections{direction="inbound"}'), 1)
        self.assertEqual(metric(b, 'kith_host_connections{direction="outbound"}'), 1)
        self.assertGreater(metric(a, "kith_process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(metric(a, "kith_process_uptime_seconds"), 0)
        ask(a.api + "/v1/stop", "POST")
        self.assertEqual(metric(a, "kith_api_forbidden_total"), 1)
        stats = kith("--home", a.home, "stats")
        self.assertEqual(stats.code, 0)
        self.assertRegex(stats.out, r"host_sent_bytes +\d+")
        row = next(row for row in a.call("stats")["figures"]
                   if row["figure"] == "kith_host_sent_bytes_total")
        wait_for(lambda: any(row["per_s"] is not None for row in a.call("stats")["figures"]),
                 "the first rate")
        self.assertGreater(row["value"], 0)
        reset = ask(a.api + "/v1/stats/reset", "POST", token=a.token).json()
        self.assertTrue(reset["figures"])
        after = next(r for r in a.call("stats")["figures"]
                     if r["figure"] == "kith_host_sent_bytes_total")
        self.assertLess(after["value"], row["value"])
        self.assertGreaterEqual(metric(a, "kith_host_sent_bytes_total"), row["value"])

    def test_the_text_of_metrics_has_prometheus_grammar(self):
        a, _ = self.pair()
        text = ask(a.api + "/metrics").body.decode()
        label = r'[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
        sample = re.compile(rf"(kith_[a-z0-9_]+)(?:\{{{label}(?:,{label})*\}})? "
                            r"(?:[-+0-9.e]+|\+Inf|-Inf|NaN)")
        types, current = {}, None
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, types)
                types[name], current = kind, name
            elif not line.startswith("# HELP "):
                match = sample.fullmatch(line)
                self.assertTrue(match, line)
                self.assertTrue(match[1] == current or (
                    types[current] == "histogram" and
                    match[1].removeprefix(current) in ("_bucket", "_sum", "_count")), line)
        self.assertGreater(len(types), 60)
        documented = set(re.findall(r"^\| `(kith_[a-z0-9_]+)`", (
            SOURCE / "docs" / "metrics.md").read_text(), re.MULTILINE))
        self.assertEqual(documented, set(types))

    def test_the_document_lists_what_answers(self):
        node = self.start("a")
        document = ask(node.api + "/v1/openapi.json").json()
        for path, operations in document["paths"].items():
            for verb in operations:
                status = ask(node.api + path, verb.upper()).status
                self.assertNotIn(status, (404, 405), f"{verb} {path}")


if __name__ == "__main__":
    main()

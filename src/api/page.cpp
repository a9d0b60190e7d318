// The page at "/": what the node says about itself, asked of this very API every two seconds. It
// holds nothing by itself, so that it may be shown to anybody; where reads need the token it asks
// for it, and keeps it in the tab.
#include "api/http.h"

namespace kith::api {
namespace {

constexpr std::string_view page_text = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kith</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem;
         padding: 0 1rem; color: #1c2430; background: #fff; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #d8dee6;
           vertical-align: top; overflow-wrap: anywhere; }
  th { font-weight: 600; } td.number { font-variant-numeric: tabular-nums; }
  #state { color: #5a6675; }
  #ask { margin: 1rem 0; } #ask[hidden] { display: none; }
  @media (prefers-color-scheme: dark) {
    body { color: #e3e8ef; background: #14181e; } th, td { border-color: #2d3540; }
    #state { color: #97a3b2; }
  }
</style>
<h1>Kith <span id="state">asking the node…</span></h1>
<form id="ask" hidden>
  <label>This node wants its token (HOME/api.token):
    <input id="token" type="password" autocomplete="off" size="70"></label>
  <button>Show</button>
</form>
<table><tbody id="status"></tbody></table>
<h2>Peers</h2>
<table>
  <thead><tr><th>Peer<th>Way<th>Round trip<th>Health<th>Reputation<th>Agent<th>Address</thead>
  <tbody id="peers"></tbody>
</table>
<p>More: <a href="/v1/openapi.json">the API</a>, <a href="/metrics">metrics</a>.</p>
<noscript>This page asks the node by JavaScript; `kith status` needs none.</noscript>
<script src="/status.js"></script>
</html>
)html";

// Text goes in as text only: peers choose some of these words.
constexpr std::string_view script_text = R"js("use strict";
const byId = (id) => document.getElementById(id);
let token = sessionStorage.getItem("kith.token");

async function ask(path) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers });
  if (answer.status === 401 || answer.status === 403) byId("ask").hidden = false;
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  byId("ask").hidden = true;
  return body;
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    line.appendChild(document.createElement("td")).textContent =
      cell === null || cell === undefined ? "–" : Array.isArray(cell) ? cell.join("\n") : cell;
  }
  return line;
}

async function show() {
  try {
    const status = await ask("/v1/status");
    const { peers } = await ask("/v1/peers");
    byId("status").replaceChildren(
      ...Object.entries(status).filter(([, value]) => value !== null).map((entry) => row(entry)));
    byId("peers").replaceChildren(...peers.map((peer) => row([
      peer.peer_id, peer.direction, peer.rtt_ms === null ? null : `${peer.rtt_ms} ms`,
      peer.health, peer.reputation, peer.agent, peer.addresses])));
    byId("state").textContent = `is up, ${peers.length} peers`;
  } catch (error) {
    byId("state").textContent = `does not answer: ${error.message}`;
  }
  setTimeout(show, 2000);
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("kith.token", token);
});
show();
)js";

}  // namespace

std::string_view status_page() { return page_text; }

std::string_view status_script() { return script_text; }

}  // namespace kith::api

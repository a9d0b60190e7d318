// The page at "/": what this node knows, as it happens. Its script (page_script.cpp) asks this very
// API, once for what is and over the event stream for what comes. The page holds nothing by itself,
// so that it may be shown to anybody; where reads need the token it asks for it, and keeps it in
// the tab.
#include "api/http.h"

namespace kith::api {
namespace {

constexpr std::string_view page_text = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kith</title>
<style>
  :root { --text: #1b2430; --faint: #657182; --line: #dde3ea; --paper: #fff; --card: #f5f7f9;
          --ink: #1f6f5c; --bad: #b3261e; }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e4e9ef; --faint: #95a1b0; --line: #2c3541; --paper: #12171d; --card: #1a2028;
            --ink: #5cc2a5; --bad: #f2857d; } }
  * { box-sizing: border-box; }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem;
         color: var(--text); background: var(--paper); }
  header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
  h1 { font-size: 1.35rem; margin: 0; } h2 { font-size: 1rem; margin: 0 0 .5rem; }
  #state { color: var(--faint); } #state.bad { color: var(--bad); font-weight: 600; }
  code, .id { font-family: ui-monospace, monospace; font-size: .86em; }
  #figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
             margin: 1.25rem 0; padding: 0; }
  #figures div { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; }
  #figures dt { color: var(--faint); font-size: .82rem; }
  #figures dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
  main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr));
         gap: 1.75rem 2rem; align-items: start; }
  section { min-width: 0; overflow-x: auto; } section[hidden], #ask[hidden] { display: none; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .22rem .9rem .22rem 0; border-bottom: 1px solid var(--line);
           white-space: nowrap; font-variant-numeric: tabular-nums; }
  th { font-weight: 600; color: var(--faint); font-size: .82rem; }
  td.wide { white-space: normal; overflow-wrap: anywhere; }
  td:empty::after { content: "–"; color: var(--faint); }
  .none { color: var(--faint); }
  #chart { width: 100%; height: 3.5rem; display: block; margin-bottom: .5rem; }
  #chart rect { fill: var(--ink); }
  #ask { margin: 1rem 0; } footer { margin-top: 2rem; color: var(--faint); }
  a { color: var(--ink); }
</style>
<header><h1>Kith</h1><span id="state" role="status">asking the node…</span></header>
<form id="ask" hidden>
  <label>This node wants its token (HOME/api.token):
    <input id="token" type="password" autocomplete="off" size="70"></label>
  <button>Show</button>
</form>
<dl id="figures"></dl>
<main>
  <section id="chain" hidden>
    <h2>Blocks</h2>
    <svg id="chart" preserveAspectRatio="none" role="img"
         aria-label="Transactions in each of the last blocks"></svg>
    <table>
      <thead><tr><th>Height<th>Time<th>Transactions<th>Final after<th>Digest</thead>
      <tbody id="blocks"></tbody>
    </table>
  </section>
  <section id="voters" hidden>
    <h2>Validators</h2>
    <table>
      <thead><tr><th>Key<th>Weight<th>Share</thead>
      <tbody id="validators"></tbody>
    </table>
    <p class="none" id="tolerates"></p>
  </section>
  <section id="pool" hidden>
    <h2>Waiting transactions</h2>
    <table>
      <thead><tr><th>Transaction<th>Bytes<th>Fee<th>Waits</thead>
      <tbody id="mempool"></tbody>
    </table>
  </section>
  <section>
    <h2>Peers</h2>
    <table>
      <thead><tr><th>Peer<th>Way<th>Round trip<th>Health<th>Reputation<th>Agent</thead>
      <tbody id="peers"></tbody>
    </table>
  </section>
  <section>
    <h2>This node</h2>
    <table><tbody id="status"></tbody></table>
  </section>
</main>
<footer>More: <a href="/v1/openapi.json">the API</a>, <a href="/metrics">metrics</a>.</footer>
<noscript>This page asks the node by JavaScript; `kith status` needs none.</noscript>
<script src="/status.js"></script>
</html>
)html";

}  // namespace

std::string_view status_page() { return page_text; }

}  // namespace kith::api

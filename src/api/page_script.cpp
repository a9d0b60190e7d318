// The script of the page at "/" (page.cpp). Text goes into the page as text only: peers choose some
// of these words.
#include "api/http.h"

namespace kith::api {
namespace {

constexpr std::string_view script_text = R"js("use strict";
const byId = (id) => document.getElementById(id);
const blocksKept = 240, blocksShown = 12, poolShown = 8, rateSeconds = 10;
let token = sessionStorage.getItem("kith.token");
let blocks = [];          // the newest first
let finals = [];          // [when this page heard of it, transactions]
let isListening = false;  // to the event stream
let wanted = null;        // a drawing that is due

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
    const place = line.appendChild(document.createElement("td"));
    const isTitled = cell !== null && typeof cell === "object" && !Array.isArray(cell);
    const text = isTitled ? cell.text : cell;
    if (isTitled) {
      place.title = cell.title;
      place.className = "id";
    }
    if (Array.isArray(text)) place.className = "wide";
    place.textContent =
      text === null || text === undefined ? "" : Array.isArray(text) ? text.join(" ") : text;
  }
  return line;
}

const short = (id) => ({
  text: id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id, title: id });
const ms = (value) => (value === null || value === undefined ? null : `${value} ms`);
const fill = (id, rows) => byId(id).replaceChildren(...rows);

function since(at) {
  const seconds = Math.max(0, (Date.now() - at) / 1000);
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

function figures(entries) {
  fill("figures", entries.filter(([, value]) => value !== null).map(([name, value]) => {
    const card = document.createElement("div");
    card.appendChild(document.createElement("dt")).textContent = name;
    card.appendChild(document.createElement("dd")).textContent = value;
    return card;
  }));
}

function drawChart() {
  const shown = blocks.slice(0, blocksKept).reverse();
  const most = Math.max(1, ...shown.map((block) => block.transactions ?? 0));
  const chart = byId("chart");
  chart.setAttribute("viewBox", `0 0 ${blocksKept} 100`);
  chart.replaceChildren(...shown.map((block, i) => {
    const bar = document.createElementNS(chart.namespaceURI, "rect");
    const height = Math.max(2, 100 * (block.transactions ?? 0) / most);
    bar.setAttribute("x", blocksKept - shown.length + i);
    bar.setAttribute("width", 0.8);
    bar.setAttribute("y", 100 - height);
    bar.setAttribute("height", height);
    return bar;
  }));
}

function drawBlocks() {
  wanted = null;
  fill("blocks", blocks.slice(0, blocksShown).map((block) => row([
    block.height, new Date(block.time_ms).toLocaleTimeString(), block.transactions,
    ms(block.took_ms), short(block.digest)])));
  drawChart();
}

// However fast blocks come, the page is drawn five times a second at most.
function drawSoon() {
  wanted ??= setTimeout(drawBlocks, 200);
}

function onEvent(event) {
  if (event.event === "block_final") {
    blocks = [event, ...blocks.filter((block) => block.height !== event.height)]
      .slice(0, blocksKept);
    finals.push([performance.now(), event.transactions]);
    drawSoon();
  } else if (event.event === "chain_halted") {
    byId("state").textContent = `THE CHAIN HAS HALTED: ${event.reason}`;
    byId("state").className = "bad";
  }
}

function rate() {
  const from = performance.now() - rateSeconds * 1000;
  finals = finals.filter(([at]) => at >= from);
  return finals.reduce((sum, [, count]) => sum + count, 0) / rateSeconds;
}

function listen() {
  const protocols = token ? ["kith.events.v1", `kith.bearer.${token}`] : ["kith.events.v1"];
  const place = new URL("/v1/events?kinds=block_final,chain_halted", location);
  place.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(place, protocols);
  isListening = true;
  socket.onmessage = (message) => onEvent(JSON.parse(message.data));
  socket.onclose = () => { isListening = false; };
}

async function showChain() {
  const chain = await ask("/v1/chain");
  if (blocks.length === 0) {
    blocks = (await ask(`/v1/chain/blocks?limit=${blocksShown}`)).blocks;
    drawSoon();
  }
  const { validators, weight, tolerates } = await ask("/v1/chain/validators");
  fill("validators", validators.slice(0, 50).map((each) => row([
    short(each.key), each.weight, `${(100 * each.weight / weight).toFixed(1)} %`])));
  byId("tolerates").textContent =
    `${validators.length} validators; the chain goes on, and cannot fork, with up to ` +
    `${tolerates} of ${weight} of the weight failing or lying.`;
  const pool = await ask(`/v1/mempool/transactions?limit=${poolShown}`);
  fill("mempool", pool.transactions.map((tx) => row([
    short(tx.txid), tx.bytes, tx.fee, since(tx.since_ms)])));
  for (const id of ["chain", "voters", "pool"]) byId(id).hidden = false;
  if (chain.is_halted) onEvent({ event: "chain_halted", reason: "see the node's log" });
  const final = chain.finality_ms;
  return [["Height", chain.height], ["Final after", final && ms(final.p50)],
          ["Transactions a second", rate().toFixed(1)], ["Waiting", chain.mempool.transactions],
          ["Validators here", `${chain.validators_connected + (chain.is_validator ? 1 : 0)} of ` +
                              `${chain.validators}`]];
}

async function show() {
  try {
    const status = await ask("/v1/status");
    const { peers } = await ask("/v1/peers");
    if (!isListening) listen();
    const ofChain = status.height === null ? [] : await showChain();
    figures([...ofChain, ["Peers", peers.length]]);
    fill("status", Object.entries(status).filter(([, value]) => value !== null)
      .map(([name, value]) => row([name, Array.isArray(value) ? value : [value]])));
    fill("peers", peers.map((peer) => row([
      short(peer.peer_id), peer.direction, ms(peer.rtt_ms), peer.health, peer.reputation,
      peer.agent])));
    if (byId("state").className !== "bad") {
      byId("state").textContent = `${status.network}, up ${Math.floor(status.uptime_s)} s`;
    }
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

std::string_view status_script() { return script_text; }

}  // namespace kith::api

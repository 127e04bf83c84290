"use strict";

// Asks every half second for the phones that changed and updates only their parts, so that nothing flickers.
// Writes all text by textContent, because a message can hold markup.

const POLL_MS = 500;
const TICKS = { queued: "◷", sent: "✓", delivered: "✓✓", refused: "✕" };
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

const grid = document.getElementById("phones");
const empty = document.getElementById("empty");
const count = document.getElementById("count");
const connection = document.getElementById("connection");

let epoch = "";
let since = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function counted(number, noun) {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

function linked(text) {
  const paragraph = element("p", "text");
  paragraph.dir = "auto";
  let end = 0;
  for (const link of text.matchAll(LINK)) {
    paragraph.append(text.slice(end, link.index));
    const anchor = element("a", "", link[0]);
    anchor.href = link[0];
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
    paragraph.append(anchor);
    end = link.index + link[0].length;
  }
  paragraph.append(text.slice(end));
  return paragraph;
}

function newBubble(message) {
  const item = element("li");
  item.dataset.sid = message.sid;
  const at = new Date(message.at * 1000);
  const time = element("time", "", at.toLocaleTimeString("en-GB"));
  time.dateTime = at.toISOString();
  const status = element("span", "status");
  const ticks = element("span", "ticks");
  ticks.setAttribute("aria-hidden", "true");
  status.append(ticks, " ", element("span", "word"));
  const facts = element("p", "facts");
  facts.append(time, " ", status, " ", element("span", "note"));
  item.append(element("p", "sender", message.sender), linked(message.text), facts);
  return item;
}

function updateBubble(item, message) {
  if (item.className !== message.status) item.className = message.status;
  setText(item.querySelector(".ticks"), TICKS[message.status] || "");
  setText(item.querySelector(".word"), message.word);
  setText(item.querySelector(".note"), message.note);
  // The text of a call grows while the call lasts.
  const text = item.querySelector(".text");
  if (text.textContent !== message.text) text.replaceWith(linked(message.text));
}

function newPhone(number) {
  const card = element("article", "phone");
  card.dataset.number = number;
  card.setAttribute("aria-label", `Phone ${number}`);
  const title = element("h2");
  title.append(`${number} `, element("span", "total"));
  const list = element("ol");
  list.tabIndex = 0;
  list.setAttribute("aria-label", `Messages to ${number}, newest first`);
  card.append(title, list);
  return card;
}

// Puts the nodes in this order and removes all others. A node that is in its place already is not moved.
function arrange(parent, nodes) {
  let current = parent.firstElementChild;
  for (const node of nodes) {
    if (node === current) current = current.nextElementSibling;
    else parent.insertBefore(node, current);
  }
  while (current) {
    const extra = current;
    current = current.nextElementSibling;
    extra.remove();
  }
}

function keyed(parent, key) {
  return new Map(Array.from(parent.children, (node) => [node.dataset[key], node]));
}

function updatePhone(card, phone) {
  const list = card.querySelector("ol");
  const known = keyed(list, "sid");
  const items = phone.bubbles.map((message) => {
    const item = known.get(message.sid) || newBubble(message);
    updateBubble(item, message);
    return item;
  });
  arrange(list, items);
  setText(card.querySelector(".total"), counted(phone.total, "message"));
}

function show(state) {
  const known = keyed(grid, "number");
  for (const phone of state.phones) {
    if (!known.has(phone.number)) known.set(phone.number, newPhone(phone.number));
    updatePhone(known.get(phone.number), phone);
  }
  arrange(grid, state.numbers.map((number) => known.get(number)).filter(Boolean));
  empty.hidden = state.numbers.length > 0;
  setText(count, `Messages: ${state.total}`);
  epoch = state.epoch;
  since = state.now;
}

async function poll() {
  try {
    const query = new URLSearchParams({ since, epoch });
    const response = await fetch(`/sandbox/phones.json?${query}`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
    setText(connection, "live");
    connection.className = "";
  } catch {
    setText(connection, "connection lost, trying again");
    connection.className = "lost";
  }
  setTimeout(poll, POLL_MS);
}

poll();

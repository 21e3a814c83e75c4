"use strict";

const list = document.getElementById("messages");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const number = document.getElementById("number");
let shown = "";

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function card(message) {
  const li = element("li");
  li.dataset.id = message.id;
  const meta = element("div", "meta");
  meta.append(element("span", "", message.phone));
  meta.append(element("time", "", new Date(message.received_at).toLocaleTimeString()));
  li.append(meta, element("div", "text", message.text));
  if (message.code) {
    const code = element("button", "code", message.code);
    code.type = "button";
    code.title = "Copy";
    code.addEventListener("click", () => navigator.clipboard && navigator.clipboard.writeText(message.code));
    li.append(code);
  }
  return li;
}

async function refresh() {
  try {
    const query = number.value.trim() ? "?phone=" + encodeURIComponent(number.value.trim()) : "";
    const answer = await fetch("/handset/api/messages" + query);
    if (!answer.ok) throw new Error("status " + answer.status);
    const messages = await answer.json();
    state.textContent = "connected";
    const key = query + messages.map((m) => m.id).join(" ");
    if (key !== shown) {
      shown = key;
      list.replaceChildren(...messages.map(card));
      empty.hidden = messages.length > 0;
    }
  } catch (e) {
    state.textContent = "no connection";
  }
  setTimeout(refresh, 500);
}

async function about() {
  const answer = await fetch("/handset/api/about");
  if (!answer.ok) return;
  const info = await answer.json();
  document.getElementById("lines").replaceChildren(...info.lines.map((line) => {
    const figure = element("figure");
    figure.append(element("figcaption", "", line.what), element("pre", "", line.command));
    return figure;
  }));
  document.getElementById("rules").replaceChildren(...info.rules.map((rule) => {
    const row = element("tr");
    row.append(element("td", "", rule.suffix), element("td", "", rule.note));
    return row;
  }));
}

document.getElementById("pick").addEventListener("submit", (e) => e.preventDefault());
about();
refresh();

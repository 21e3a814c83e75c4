"use strict";

const list = document.getElementById("messages");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const number = document.getElementById("number");
const clock = document.getElementById("clock");
let shown = null;

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// copier is a button that copies text, and says so for a second.
function copier(className, label, text) {
  const button = element("button", className, label);
  button.type = "button";
  button.title = "Copy";
  button.addEventListener("click", async () => {
    if (!navigator.clipboard) return; // only over HTTPS or on this machine
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1000);
  });
  return button;
}

function timeOfDay(date, withSeconds) {
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: withSeconds ? "2-digit" : undefined });
}

function card(message) {
  const li = element("li");
  li.dataset.id = message.id;
  const meta = element("div", "meta");
  meta.append(element("span", "", (message.channel === "voice" ? "call to " : "to ") + message.phone), element("time", "", timeOfDay(new Date(message.received_at), true)));
  li.append(meta, element("div", "text", message.text));
  if (message.channel === "voice") li.classList.add("call");
  if (message.audio) {
    const audio = element("audio");
    audio.controls = true;
    audio.preload = "metadata";
    audio.src = message.audio;
    li.append(audio);
  }
  if (message.code) li.append(copier("code", message.code, message.code));
  return li;
}

function connected(up) {
  state.textContent = up ? "SMPP" : "offline";
  state.title = up ? "connected" : "the server does not answer";
  state.className = up ? "up" : "";
}

async function refresh() {
  clock.textContent = timeOfDay(new Date(), false);
  try {
    const query = number.value.trim() ? "?phone=" + encodeURIComponent(number.value.trim()) : "";
    const answer = await fetch("/handset/api/messages" + query);
    if (!answer.ok) throw new Error("status " + answer.status);
    const messages = await answer.json();
    connected(true);
    const key = query + " " + messages.map((m) => m.id).join(" ");
    if (key !== shown) {
      shown = key;
      list.replaceChildren(...messages.map(card));
      empty.hidden = messages.length > 0;
    }
  } catch {
    connected(false);
  }
  setTimeout(refresh, 500);
}

async function about() {
  const answer = await fetch("/handset/api/about");
  if (!answer.ok) return;
  const info = await answer.json();
  document.getElementById("lines").replaceChildren(...info.lines.map((line) => {
    const li = element("li");
    const what = element("div", "what", line.what);
    what.append(copier("copy", "Copy", line.command));
    li.append(what, element("pre", "", line.command));
    return li;
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

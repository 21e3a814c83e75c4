"use strict";

const by = (id) => document.getElementById(id);
const steps = {
  silent: ["Silent", "the carrier is asked; nothing to do"],
  sms: ["SMS", "a code in a message"],
  voice: ["Voice", "a code in a call"],
};
let demo = { appid: "", plan: [], voice: false };

function element(tag, text) {
  const e = document.createElement(tag);
  e.textContent = text;
  return e;
}

// say shows one exchange.
function say(what, value) {
  const li = document.createElement("li");
  li.append(element("b", what), element("pre", JSON.stringify(value, null, 1)));
  by("log").append(li);
}

function mark(step, state) {
  const li = document.querySelector(`#plan li[data-step="${step}"]`);
  if (li) li.className = state;
}

function finish(step, text) {
  mark(step, "done");
  by("answer").textContent = text;
  by("answer").className = "done";
  document.body.dataset.result = step;
  by("go").disabled = false;
}

// post asks the page's own server, which holds the keys.
async function post(path, body) {
  const answer = await fetch("/handset/api/number/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.json();
}

// silently gives true when the carrier said that it is the SIM's number.
async function silently() {
  VFM.sim = { number: "+86" + by("sim").value.trim(), carrier: Number(by("carrier").value), netType: by("network").value };
  const ready = await new Promise((done) => VFM.init({ appid: demo.appid, success: done, error: done }));
  say("VFM.init", ready);
  if (ready.code !== 0) return false;
  const got = await new Promise((done) => VFM.getTokenInfo({ success: done, error: done }));
  say("VFM.getTokenInfo", got);
  if (got.code !== 0) return false;
  const said = await post("verify", { token: got.token, userInformation: got.userInformation, number: by("number").value.trim() });
  say("POST /vfmobile/verify", said);
  return said.answer.status === "success" && said.answer.result.identical === true;
}

// send sends a code, and shows where to type it.
async function send(step) {
  const said = await post("send", { number: by("number").value.trim(), channel: step });
  say(step === "voice" ? "POST /v1/voice_codes" : "POST /get-code", said);
  if (!said.ok) return false;
  by("answer").textContent = step === "voice" ? "The phone rings." : "A code is on its way.";
  by("with-code").hidden = false;
  by("with-code").dataset.step = step;
  by("with-code").dataset.id = said.answer.msg_id || "";
  by("voice").hidden = step === "voice" || !demo.voice || !demo.plan.includes("voice");
  by("code").focus();
  return true;
}

// funnel takes the plan's steps in order, until one shows whose number it is.
async function funnel(from) {
  for (const step of demo.plan.slice(demo.plan.indexOf(from))) {
    mark(step, "now");
    if (step === "silent") {
      by("answer").textContent = "Asking the carrier…";
      if (await silently()) return finish(step, "Signed in: the carrier says that it is this phone's number.");
    } else if (await send(step)) {
      return undefined; // the rest is the user's
    }
    mark(step, "failed");
  }
  by("answer").textContent = "No step of the plan is left.";
  document.body.dataset.result = "none";
  by("go").disabled = false;
  return undefined;
}

by("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  by("go").disabled = true;
  by("with-code").hidden = true;
  by("log").replaceChildren();
  by("answer").className = "";
  by("code").value = "";
  delete document.body.dataset.result;
  for (const li of document.querySelectorAll("#plan li")) li.className = "";
  funnel(demo.plan[0]);
});

by("with-code").addEventListener("submit", async (event) => {
  event.preventDefault();
  const step = by("with-code").dataset.step;
  const said = await post("check", { number: by("number").value.trim(), code: by("code").value.trim(), channel: step, id: by("with-code").dataset.id });
  say(step === "voice" ? "POST /v1/codes/…/valid" : "POST /check-code", said);
  if (!said.ok) {
    by("answer").textContent = "That is not the code.";
    return;
  }
  by("with-code").hidden = true;
  finish(step, "Signed in with a code.");
});

by("voice").addEventListener("click", () => {
  mark("sms", "failed");
  funnel("voice");
});

function tick() {
  by("clock").textContent = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const wifi = by("network").value === "wifi";
  by("state").textContent = wifi ? "Wi-Fi" : "4G";
  by("state").className = wifi ? "" : "up";
  setTimeout(tick, 500);
}

async function begin() {
  demo = await (await fetch("/handset/api/number")).json();
  by("plan").replaceChildren(...demo.plan.map((step) => {
    const li = document.createElement("li");
    li.dataset.step = step;
    li.append(element("b", steps[step][0]), element("span", steps[step][1] + (step === "voice" && !demo.voice ? " (no voice provider here)" : "")));
    return li;
  }));
  document.body.dataset.ready = "yes";
}

tick();
begin();

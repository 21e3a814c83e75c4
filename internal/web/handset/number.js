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

// proof is what the phone gets from its carrier; an empty one where it gets none.
async function proof() {
  VFM.sim = { number: "+86" + by("sim").value.trim(), carrier: Number(by("carrier").value), netType: by("network").value };
  const ready = await new Promise((done) => VFM.init({ appid: demo.appid, success: done, error: done }));
  say("VFM.init", ready);
  if (ready.code !== 0) return {};
  const got = await new Promise((done) => VFM.getTokenInfo({ success: done, error: done }));
  say("VFM.getTokenInfo", got);
  return got.code === 0 ? got : {};
}

// prove asks for the plan's next step: the server knows the plan and takes the
// steps, until one shows whose number it is or waits for the user.
async function prove(after) {
  const first = after ? after : demo.plan[0];
  const got = !after && demo.plan.includes("silent") ? await proof() : {};
  if (first === "silent") by("answer").textContent = "Asking the carrier…";
  const said = await post("prove", { token: got.token || "", userInformation: got.userInformation || "", number: by("number").value.trim(), after });
  say("POST /vfmobile/prove", said);
  if (said.answer.status === "success") return finish(said.answer.result.step, "Signed in: the carrier says that it is this phone's number.");
  if (!said.ok) {
    by("answer").textContent = after ? said.answer.msg : "No step of the plan helped: " + said.answer.msg;
    if (!after) document.body.dataset.result = "none";
    by("go").disabled = false;
    return undefined;
  }
  const { step, next, id } = said.answer.result;
  for (const passed of demo.plan.slice(0, demo.plan.indexOf(step))) mark(passed, "failed");
  mark(step, "now");
  by("answer").textContent = step === "voice" ? "The phone rings." : "A code is on its way.";
  by("with-code").hidden = false;
  Object.assign(by("with-code").dataset, { step, id });
  by("voice").hidden = next !== "voice";
  by("code").focus();
  return undefined; // the rest is the user's
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
  prove("");
});

by("with-code").addEventListener("submit", async (event) => {
  event.preventDefault();
  const step = by("with-code").dataset.step;
  const said = await post("check", { code: by("code").value.trim(), id: by("with-code").dataset.id });
  say("POST /vfmobile/prove/check", said);
  if (!said.ok) {
    by("answer").textContent = "That is not the code.";
    return;
  }
  by("with-code").hidden = true;
  finish(step, "Signed in with a code.");
});

by("voice").addEventListener("click", () => prove(by("with-code").dataset.step));

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

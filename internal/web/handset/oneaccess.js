"use strict";

// A sign-in page as an app would build it on the user-side calls: picture,
// code, login. It talks to the public API and holds no secret; the one thing
// that it asks its own server is the app's client id.
const by = (id) => document.getElementById(id);

const texts = {
  en: {
    title: "Sign in", number: "Your mobile number", send: "Send me a code", code: "Code", handset: "read it on the handset", login: "Sign in",
    drag: "Drag the slider until the piece fits", slider: "Where the piece goes, in pixels from the left", another: "Another picture", cancel: "Cancel",
    work: "I can't see the picture", working: "Your device solves a puzzle by itself. Nothing to do.", said: "What was said", token: "What the id_token says", again: "Sign out",
    lead: "This page talks to the oneaccess calls like an app: a picture shows that somebody is there, then a code goes out. No secret is in it.",
    phone: "A page on a phone", puzzle: "Puzzle", wrong: "It does not fit. Here is another picture.", raised: "The server wants a proof of work now.",
    sent: "A code is on its way.", done: "Signed in.", valid: "Its signature is right: the key is among those that the server publishes.",
    forged: "Its signature could not be checked.", wait: "Try again in {0} s.", out: "Signed out.", failed: "No answer from the server.", denied: "The server refuses this login.",
    unchecked: "This page did not come over HTTPS: the browser can not check signatures here.", none: "The app gives no id_token.", more: "A second code is needed: send it, and enter it.",
  },
  zh: {
    title: "登录", number: "手机号", send: "获取验证码", code: "验证码", handset: "在手机页查看", login: "登录",
    drag: "拖动滑块，使拼图对齐缺口", slider: "拼图位置，从左起的像素", another: "换一张", cancel: "取消",
    work: "看不清图片", working: "设备正在自动完成验证，无需操作。", said: "请求与应答", token: "id_token 的内容", again: "退出登录",
    lead: "本页像普通应用一样调用 oneaccess 接口：先用图片确认有人操作，再发送验证码。页面中没有任何密钥。",
    phone: "手机上的页面", puzzle: "拼图验证", wrong: "没有对齐，请再试一张。", raised: "服务器要求工作量证明。",
    sent: "验证码已发送。", done: "登录成功。", valid: "签名正确：密钥在服务器公布的列表中。",
    forged: "签名无法验证。", wait: "请在 {0} 秒后重试。", out: "已退出登录。", failed: "服务器没有应答。", denied: "服务器拒绝了本次登录。",
    unchecked: "本页不是通过 HTTPS 打开的，浏览器无法验证签名。", none: "该应用不返回 id_token。", more: "需要第二个验证码：请再次获取并输入。",
  },
};

let language = (new URLSearchParams(location.search).get("lang") || navigator.language).startsWith("zh") ? "zh" : "en";
let client = "";
let captcha = null; // the picture that is shown
let state = ""; // the state token of a login that wants a second code
let session = "";
let worker = null;

const say = (key, ...values) => texts[language][key].replace(/\{(\d)\}/g, (_, i) => values[i]);

function answer(text, done = false) {
  by("answer").textContent = text;
  by("answer").className = done ? "done" : "";
}

function step(name) {
  document.body.dataset.step = name;
  by("sheet").hidden = name !== "puzzle";
  by("with-code").hidden = name !== "code";
  by("go").disabled = name === "puzzle";
  by("token").hidden = name !== "done";
  by("state").className = name === "done" ? "up" : "";
}

// speak shows every text in the chosen language.
function speak() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", say(e.dataset.label));
  by("language").textContent = language === "zh" ? "English" : "中文";
  by("language").lang = language === "zh" ? "en" : "zh";
}

// fingerprint stays the same for this browser.
function fingerprint() {
  let value = localStorage.getItem("fingerprint");
  if (!value) {
    value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    localStorage.setItem("fingerprint", value);
  }
  return value;
}

// brief leaves out what nobody can read.
const brief = (_, value) => (typeof value === "string" && value.length > 400 ? value.slice(0, 40) + "… (" + value.length + ")" : value);

function show(what, sent, got) {
  const li = document.createElement("li");
  for (const [tag, text] of [["b", what], ["pre", (sent ? JSON.stringify(sent, brief, 1) + "\n" : "") + JSON.stringify(got, brief, 1)]]) {
    const e = document.createElement(tag);
    e.textContent = text;
    li.append(e);
  }
  by("log").append(li);
}

// call asks the public API. It gives {ok, body, raised, wait}.
async function call(method, path, body, more = {}) {
  const headers = { "X-client-id": client, "X-operating-sys-version": navigator.platform || "web", "X-device-fingerprint": fingerprint(), "X-agent": navigator.userAgent, "X-L": language, ...more };
  if (body) headers["Content-Type"] = "application/json;charset=utf8";
  let got;
  try {
    got = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    answer(say("failed"));
    return { ok: false, body: {}, raised: "", wait: 0 };
  }
  const text = await got.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = text;
  }
  show(method + " " + path, body, value === null ? got.status : value);
  const wait = Number(got.headers.get("Retry-After") || 0);
  if (!got.ok) answer([value?.error_msg || value?.message || got.status, wait ? say("wait", wait) : ""].join(" "));
  return { ok: got.ok, body: value, raised: got.headers.get("X-Captcha") || "", wait };
}

// picture gets a puzzle and shows it.
async function picture(notice = "") {
  stopWork();
  const got = await call("GET", "/api/v2/sdk/captcha");
  if (got.raised === "work") return work(say("raised"));
  if (!got.ok) return step("number");
  captcha = got.body;
  by("original").src = "data:image/png;base64," + captcha.originalImageBase64;
  by("jigsaw").src = "data:image/png;base64," + captcha.jigsawImageBase64;
  move(0);
  by("puzzle").hidden = false;
  answer(notice);
  step("puzzle");
  document.body.dataset.picture = captcha.token;
  by("slider").focus({ preventScroll: true });
  return undefined;
}

function move(x) {
  by("slider").value = x;
  by("jigsaw").style.left = x + "px";
}

// fit asks whether the piece lies where it belongs.
async function fit() {
  if (!captcha || Number(by("slider").value) === 0) return;
  const { token } = captcha;
  captcha = null; // one try a picture
  const got = await call("POST", "/api/v2/sdk/captcha/verify", { point_json: JSON.stringify({ x: Number(by("slider").value), y: 5 }), token, sender: by("number").value.trim() });
  if (got.ok) await send(got.body.captcha_token);
  else await picture(got.wait ? by("answer").textContent : say("wrong"));
}

// work lets the device compute instead: for whoever can not see the picture.
async function work(notice = "") {
  stopWork();
  captcha = null;
  const got = await call("GET", "/captcha/altcha/challenge");
  if (!got.ok) return step("number");
  const challenge = got.body;
  step("puzzle");
  answer(notice);
  by("puzzle").hidden = true;
  by("working").hidden = false;
  by("progress").value = 0;
  worker = new Worker("oneaccess-work.js");
  worker.onmessage = async ({ data }) => {
    if (data.progress !== undefined) {
      by("progress").value = data.progress;
      return;
    }
    stopWork();
    const { algorithm, challenge: hash, salt, signature } = challenge;
    await send(btoa(JSON.stringify({ algorithm, challenge: hash, number: data.number, salt, signature })));
  };
  worker.postMessage(challenge);
  return undefined;
}

function stopWork() {
  worker?.terminate();
  worker = null;
  by("working").hidden = true;
}

async function send(proof) {
  const got = await call("POST", "/api/v2/sdk/sms/send", { mobile: by("number").value.trim(), type: "LOGIN_SMS", captcha_token: proof }, state ? { "X-state-token": state } : {});
  if (!got.ok) {
    const why = by("answer").textContent;
    if (got.raised === "work" && !got.wait) return work(say("raised"));
    step("number");
    return answer(why);
  }
  step("code");
  answer(say("sent"));
  by("code").value = "";
  by("code").focus();
  return undefined;
}

async function login() {
  const body = { mobile: by("number").value.trim(), verify_code: by("code").value.trim() };
  const got = state ? await call("POST", "/api/v2/sdk/mfa/sms", body, { "X-state-token": state }) : await call("POST", "/api/v2/sdk/login/mobile-verify-code", body);
  if (!got.ok) return;
  state = got.body.state_token || "";
  if (got.body.status === "MFA_AUTH") {
    step("number");
    answer(say("more"));
    return;
  }
  if (got.body.status !== "SUCCESS") {
    answer(got.body.data || say("denied"));
    return;
  }
  session = got.body.session_token;
  await tell(got.body.id_token);
  answer(say("done"), true);
  step("done");
}

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const object = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

// tell shows what the id_token says, and whether its signature is right.
async function tell(token) {
  by("claims").textContent = "";
  by("verdict").className = "";
  by("verdict").textContent = say("none");
  if (!token) return;
  const [head, payload, signature] = token.split(".");
  by("claims").textContent = JSON.stringify(object(payload), null, 1);
  by("verdict").textContent = say("unchecked");
  if (!crypto.subtle) return;
  const keys = await (await fetch("/api/v1/oauth2/keys?client_id=" + encodeURIComponent(client))).json();
  const jwk = keys.keys.find((k) => k.kid === object(head).kid);
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const good = jwk && await crypto.subtle.verify(algorithm, await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]), bytes(signature), new TextEncoder().encode(head + "." + payload));
  by("verdict").textContent = say(good ? "valid" : "forged");
  by("verdict").className = good ? "good" : "";
}

by("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  by("log").replaceChildren();
  picture();
});
by("with-code").addEventListener("submit", (event) => {
  event.preventDefault();
  login();
});
by("slider").addEventListener("input", () => move(by("slider").value));
by("slider").addEventListener("pointerup", fit);
by("slider").addEventListener("keydown", (event) => {
  if (event.key === "Enter") fit();
});
by("another").addEventListener("click", () => picture());
by("work").addEventListener("click", () => work());
by("cancel").addEventListener("click", () => {
  stopWork();
  captcha = null;
  answer("");
  step("number");
});
by("logout").addEventListener("click", async () => {
  const signed = await signature();
  if (signed && !(await call("GET", "/api/v2/sdk/logout", null, { "X-signature": signed })).ok) return;
  session = "";
  step("number");
  answer(say("out"));
});
by("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  speak();
});

// signature encrypts the session for calls that act on it; the public key is
// the app's. Where the browser can not encrypt there is none.
async function signature() {
  if (!crypto.subtle) return "";
  const date = await call("GET", "/api/v2/sdk/server-date");
  const key = await call("GET", "/api/v2/sdk/public-key");
  if (!date.ok || !key.ok) return "";
  const der = bytes(key.body.public_key.replace(/-----[^-]+-----|\s/g, ""));
  const nonce = crypto.randomUUID();
  const plain = new TextEncoder().encode(`session_token=${session}&timestamp=${date.body.timestamp}&nonce=${nonce}`);
  const rsa = await crypto.subtle.importKey("spki", der, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "RSA-OAEP" }, rsa, plain));
  return btoa(String.fromCharCode(...sealed));
}

function tick() {
  by("clock").textContent = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  setTimeout(tick, 500);
}

async function begin() {
  speak();
  tick();
  step("number");
  ({ client_id: client } = await (await fetch("/handset/api/oneaccess")).json());
  by("state").textContent = "4G";
  document.body.dataset.ready = "yes";
}

begin();

// What the page gains with a script: times in the reader's zone, a filter as one types, figures that renew themselves,
// and reading the burn-down with a pointer. Everything else works without it.
"use strict";

const RENEW_MS = 30_000;
const TYPING_MS = 180;

const forms = {
  minute: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
  clock: { weekday: "short", hour: "2-digit", minute: "2-digit" },
  day: { month: "short", day: "numeric" },
};
const formats = {};

function localise(root) {
  for (const element of root.querySelectorAll("time[data-form]")) {
    const form = element.dataset.form;
    formats[form] ??= new Intl.DateTimeFormat(undefined, forms[form]);
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if (form === "minute") element.title = element.textContent;
    element.textContent = formats[form].format(at);
  }
}

// Renewing: each part marked data-live is replaced by its like in a fresh page, if the server changed it. What has the
// focus, what is unfolded and where the reader is stay as they are.
const served = new Map();

function remember(root) {
  for (const part of root.querySelectorAll("[data-live]")) served.set(part.id, part.innerHTML);
}

function keyOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const href = element.getAttribute("href");
  return href === null ? null : `a[href="${CSS.escape(href)}"]`;
}

function adopt(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other) continue;
    part.className = other.className;
    if (served.get(part.id) === other.innerHTML) continue;
    served.set(part.id, other.innerHTML);
    const active = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    part.replaceChildren(...other.childNodes);
    for (const id of open) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    localise(part);
    if (active) part.querySelector(active)?.focus({ preventScroll: true });
  }
  document.title = fresh.title;
  readChart();
}

let asked = 0;
let lastSeen = Date.now();

async function renew(address = location.href) {
  const number = ++asked;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) });
    if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked) return;
    adopt(fresh);
    lastSeen = Date.now();
    tell("");
  } catch (error) {
    if (number === asked) tell(error.message.startsWith("the service") ? error.message : "the service cannot be reached");
  }
}

// Figures that no longer renew themselves must not look current.
const lost = document.createElement("p");
lost.className = "notice bad";
lost.setAttribute("role", "alert");

function tell(trouble) {
  if (!trouble) {
    lost.remove();
    return;
  }
  const minutes = Math.floor((Date.now() - lastSeen) / 60_000);
  const text = `Not renewed for ${minutes ? `${minutes} min` : "less than a minute"}: ${trouble}. These figures are old.`;
  if (lost.textContent !== text) lost.textContent = text;
  if (!lost.isConnected) document.getElementById("main").prepend(lost);
}

function renewing() {
  const button = document.createElement("button");
  button.type = "button";
  button.id = "live-switch";
  let paused = false;
  const show = () => {
    button.textContent = paused ? "Renew figures" : "Pause renewing";
    button.setAttribute("aria-pressed", String(paused));
  };
  button.addEventListener("click", () => {
    paused = !paused;
    show();
    if (!paused) renew();
  });
  show();
  document.querySelector("header.top").append(button);
  setInterval(() => {
    if (!paused && !document.hidden) renew();
  }, RENEW_MS);
  document.addEventListener("visibilitychange", () => {
    if (!paused && !document.hidden && Date.now() - lastSeen > RENEW_MS) renew();
  });
}

// The filter: the server chooses and sorts, so that the address always says what is shown and can be passed on.
function filtering() {
  const form = document.getElementById("filter");
  if (!form) return;
  let typing;
  const ask = () => {
    clearTimeout(typing);
    const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const address = `${location.pathname}${fields.size ? `?${fields}` : ""}`;
    history.replaceState(null, "", address);
    renew(address);
  };
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(ask, TYPING_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
}

// The burn-down: what the table under it says, where the pointer is.
function readChart() {
  const figure = document.getElementById("burn-down");
  const svg = figure?.querySelector("svg");
  const rows = [...document.querySelectorAll("#burn-down-figures tbody tr")];
  const ends = [...(figure?.querySelectorAll(".x time") ?? [])].map((one) => Date.parse(one.dateTime));
  if (!svg || !rows.length || ends.length < 2) return;
  const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime));
  const [start, end] = [ends[0], ends[ends.length - 1]];
  const { width, height } = svg.viewBox.baseVal;
  const output = figure.querySelector("output");
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
  cursor.setAttribute("class", "cursor");
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = start + ((event.clientX - box.left) / box.width) * (end - start);
    let nearest = 0;
    times.forEach((time, number) => {
      if (Math.abs(time - at) < Math.abs(times[nearest] - at)) nearest = number;
    });
    const x = Math.round(((times[nearest] - start) / (end - start)) * width);
    cursor.setAttribute("d", `M${x} 0V${height}`);
    svg.append(cursor);
    output.textContent = `${rows[nearest].cells[0].textContent}: ${rows[nearest].cells[1].textContent} left`;
  });
  svg.addEventListener("pointerleave", () => {
    cursor.remove();
    output.textContent = "";
  });
}

remember(document);
localise(document);
renewing();
filtering();
readChart();
document.documentElement.dataset.ready = "";

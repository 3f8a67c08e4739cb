// Live parts, local times and keys. Pages work without it; nothing here makes markup of text.

const read = (url) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest(); // it parses the answer itself: no sink for strings is needed
  request.open("GET", url);
  request.responseType = "document";
  request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject());
  request.onerror = reject;
  request.send();
});

const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const dress = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = isToday ? hour.format(at) : `${day.format(at)} ${hour.format(at)}`;
    time.dataset.local = "";
  }
};

const copyable = (root) => {
  for (const text of navigator.clipboard ? root.querySelectorAll("[data-copy]:not([data-local])") : []) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Copy" });
    button.onclick = async () => { await navigator.clipboard.writeText(text.textContent); button.textContent = "Copied"; };
    text.after(button);
    text.dataset.local = "";
  }
};

const refresh = async () => {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  const isBusy = parts.some((part) => part.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select"));
  if (!parts.length || document.hidden || isBusy) return;
  const page = await read(location.href).catch(() => null);
  if (!page) return;
  for (const old of parts) {
    const fresh = page.getElementById(old.id);
    if (!fresh || old.dataset.seen === fresh.textContent) continue;
    for (const open of old.querySelectorAll("details[id]")) {
      const same = [...fresh.querySelectorAll("details[id]")].find((each) => each.id === open.id);
      if (same) same.open = open.open;
    }
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const [focused, ticked] = [active?.getAttribute("href"), active?.id];
    for (const box of old.querySelectorAll("input[type=checkbox][id]:checked")) {
      const same = [...fresh.querySelectorAll("input[type=checkbox]")].find((each) => each.id === box.id);
      if (same) same.checked = true;
    }
    const next = document.adoptNode(fresh);
    next.dataset.seen = next.textContent;
    old.replaceWith(next);
    dress(next);
    copyable(next);
    if (ticked) document.getElementById(ticked)?.focus();
    else if (focused) [...next.querySelectorAll("a[href]")].find((each) => each.getAttribute("href") === focused)?.focus();
  }
};

// A live part names a stream, and is fetched anew when the stream says so.
let stream = null;
const listen = () => {
  const url = document.hidden ? null : document.querySelector("[data-live]")?.dataset.live;
  if (stream && url && stream.url.endsWith(url)) return true;
  stream?.close();
  stream = url ? new EventSource(url) : null;
  if (stream) stream.onmessage = async () => (await refresh(), listen());
  return stream !== null;
};
document.addEventListener("visibilitychange", () => {
  if (listen()) refresh();
});

let before = "";
const places = { w: "/", r: "/runs", i: "/inbox", s: "/settings/secrets" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const key = event.key;
  if (before === "g" && places[key]) location.assign(places[key]);
  else if (key === "/" && document.querySelector("[data-search]")) {
    document.querySelector("[data-search]").focus();
    event.preventDefault();
  } else if (key === "?") document.getElementById("keys")?.showModal();
  before = key;
});

dress(document);
copyable(document);
listen();

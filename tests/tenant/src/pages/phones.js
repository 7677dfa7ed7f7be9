// Keeps the page as the tenant is, without reloading it.
const requests = document.getElementById("requests");
const nothing = document.getElementById("nothing");
const phones = document.getElementById("phones");
const said = document.getElementById("said");
const news = document.getElementById("news");
const lost = document.getElementById("lost");
const title = document.title;
let version = requests.dataset.version;

function show(state) {
  // Another tenant has taken this one's place: its numbers mean other requests.
  if (state.token !== requests.dataset.token) return location.reload();
  version = state.version;
  // What is there stays as it is, so that a button keeps its focus.
  const gone = new Map([...requests.children].map((section) => [section.dataset.request, section]));
  const arrived = [];
  const over = [];
  for (const request of state.requests) {
    if (gone.delete(request.id)) continue;
    requests.insertAdjacentHTML("beforeend", request.html);
    arrived.push(request.news);
  }
  for (const section of gone.values()) {
    // Whoever pressed a button is told by the answer to that.
    if (!("pressed" in section.dataset)) over.push(`The request for ${name(section)} is over.`);
    remove(section);
  }
  // What has come is seen without being said, and what was said is about another request.
  if (arrived.length) {
    news.textContent = arrived.join(" ");
    said.textContent = "";
  }
  if (over.length) said.textContent = over.join(" ");
  if (phones.innerHTML !== state.nav) keepingFocus(phones, () => (phones.innerHTML = state.nav));
  count();
}

function count() {
  const waiting = requests.children.length;
  nothing.hidden = waiting > 0;
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

function name(section) {
  return section.querySelector("h2").textContent;
}

// The focus goes to a heading, never to a button: a second press of Enter must not answer the
// next request.
function remove(section) {
  const next = section.nextElementSibling ?? section.previousElementSibling;
  const focused = section.contains(document.activeElement);
  section.remove();
  if (focused) (next?.querySelector("h2") ?? document.getElementById("top")).focus();
}

function keepingFocus(element, change) {
  const active = document.activeElement;
  const href = element.contains(active) ? active.getAttribute("href") : null;
  change();
  if (href !== null) {
    [...element.querySelectorAll("a")].find((link) => link.getAttribute("href") === href)?.focus();
  }
}

async function call(path, options) {
  const answer = await fetch(path, { ...options, cache: "no-store", headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  lost.hidden = true;
  return answer.json();
}

requests.addEventListener("submit", async (event) => {
  event.preventDefault();
  const section = event.target.closest("section");
  if ("pressed" in section.dataset) return;
  section.dataset.pressed = "";
  try {
    const body = new URLSearchParams(new FormData(event.target, event.submitter));
    const answer = await call("/press", { method: "POST", body });
    said.textContent = `${name(section)}: ${answer.said}`;
    if (section.isConnected) remove(section);
    count();
  } catch {
    delete section.dataset.pressed;
    lost.hidden = false;
  }
});

async function follow() {
  const query = new URLSearchParams(location.search);
  for (;;) {
    query.set("after", version);
    try {
      // Answered when something changes, or after a while.
      show(await call(`/waiting?${query}`));
    } catch {
      lost.hidden = false;
      await new Promise((wake) => setTimeout(wake, 1000));
    }
  }
}
follow();

const waiting = document.getElementById("waiting");
const lost = document.getElementById("lost");
const title = document.title;
async function look() {
  try {
    const answer = await fetch("/waiting", { cache: "no-store" });
    const state = await answer.json();
    lost.hidden = true;
    document.title = state.waiting ? `(${state.waiting}) ${title}` : title;
    // Left alone while nothing changes, so that a button keeps its focus.
    if (waiting.dataset.version !== String(state.version)) {
      waiting.dataset.version = state.version;
      waiting.innerHTML = state.html;
    }
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, 1000);
}
look();

// Has the phone asked, and goes on with its answer.
const state = document.getElementById("status");
const lost = document.getElementById("lost");

async function ask() {
  try {
    const answer = await fetch("?ask", { cache: "no-store", headers: { accept: "application/json" } });
    const { location: back } = await answer.json();
    state.textContent = "The phone has answered. Going back …";
    location.replace(back);
  } catch {
    state.hidden = true;
    lost.hidden = false;
  }
}
ask();

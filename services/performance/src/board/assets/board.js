// Keeps the page of today up to date: fetched anew when the server says that something changed, and by the minute.
const EVERY = 30_000;
const AGAIN_AFTER = 5_000;
const AGAIN_AT_MOST = 60_000;

const place = document.querySelector("[data-live]");
const status = document.getElementById("status");

function tell(text) {
  if (status && status.textContent !== text) status.textContent = text;
}

// What has the focus is found again by where it leads.
function focused() {
  const link = document.activeElement?.closest?.("[data-live] a");
  return link?.getAttribute("href");
}

// A click wants the same link from the press to the release: nothing is replaced between.
const LONGEST_PRESS = 5_000;
let pressed = null;
document.addEventListener("pointerdown", () => {
  pressed = Promise.race([
    new Promise((released) => {
      // The click itself comes right after.
      for (const end of ["pointerup", "pointercancel"]) {
        document.addEventListener(end, () => setTimeout(released), { once: true });
      }
    }),
    new Promise((late) => setTimeout(late, LONGEST_PRESS)),
  ]);
});

let shown = null;
let under_way = false;
let wanted = false;

async function refresh() {
  if (under_way) {
    wanted = true;
    return;
  }
  under_way = true;
  try {
    const answer = await fetch(place.dataset.live, { headers: { accept: "text/html" }, cache: "no-store" });
    if (answer.status === 401) {
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    if (text !== shown) {
      await pressed;
      const href = focused();
      // The server escapes every text in it.
      place.innerHTML = text;
      if (href) [...place.querySelectorAll("a")].find((link) => link.getAttribute("href") === href)?.focus();
      shown = text;
    }
    place.dataset.updated = new Date().toISOString();
    tell("");
  } catch {
    tell("连接中断，正在重试。页面上的内容可能不是最新的。");
  } finally {
    under_way = false;
    if (wanted) {
      wanted = false;
      refresh();
    }
  }
}

let pause = AGAIN_AFTER;

function listen() {
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    place.dataset.connected = "true";
    pause = AGAIN_AFTER;
    // What changed since the page was made was told to nobody.
    refresh();
  });
  events.addEventListener("changed", refresh);
  events.addEventListener("error", () => {
    delete place.dataset.connected;
    if (events.readyState === EventSource.CLOSED) {
      events.close();
      // Until then the page is fetched by the clock alone: there may be too many to be told.
      setTimeout(listen, pause);
      pause = Math.min(pause * 2, AGAIN_AT_MOST);
    }
  });
}

if (place) {
  listen();
  setInterval(refresh, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
}

"use strict";
(() => {
  const EVERY = 5000;
  const MOST_RECORDS = 1000;
  let paused = false;

  // Parts of a page that change while somebody looks: taken out of the same page, loaded again.
  function refresh() {
    const parts = [...document.querySelectorAll("[data-live]")];
    if (!parts.length) return;
    const button = document.getElementById("pause");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => {
        paused = !paused;
        button.setAttribute("aria-pressed", String(paused));
      });
    }
    const address = new URL(location.href);
    address.searchParams.delete("told");
    const isWatched = (part) => {
      const chosen = getSelection();
      return part.contains(document.activeElement) || (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode));
    };
    const again = async () => {
      try {
        if (paused || document.hidden) return;
        const response = await fetch(address, { headers: { Accept: "text/html" } });
        if (response.redirected || response.status === 401) {
          location.reload();
          return;
        }
        if (!response.ok) return;
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const fresh = page.getElementById(part.id);
          if (fresh && !isWatched(part) && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
        }
      } catch (error) {
        // The gateway is not there for the moment: the next time it may be.
      } finally {
        setTimeout(again, EVERY);
      }
    };
    setTimeout(again, EVERY);
  }

  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    made.textContent = text;
    return made;
  }

  function recordItem(record) {
    const item = element("li", `record level-${record.level}`, "");
    const time = element("time", "", new Date(record.time).toISOString().slice(11, 19));
    time.dateTime = new Date(record.time).toISOString();
    item.append(time, " ", element("span", "level", record.level), " ");
    if (record.plugin) item.append(element("span", "plugin", record.plugin), " ");
    item.append(element("span", "text", record.text));
    for (const [name, value] of Object.entries(record.fields)) {
      const field = element("span", "field", "");
      field.append(element("span", "muted", `${name}=`), value);
      item.append(" ", field);
    }
    if (record.exception) item.append(element("pre", "", record.exception));
    return item;
  }

  // The log, followed.
  function follow() {
    const tail = document.getElementById("tail");
    const list = document.getElementById("log");
    if (!tail || !list) return;
    const append = (item) => {
      const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
      document.getElementById("empty").hidden = true;
      list.append(item);
      while (list.children.length > MOST_RECORDS) list.firstElementChild.remove();
      if (atEnd) scrollTo(0, document.documentElement.scrollHeight);
    };
    scrollTo(0, document.documentElement.scrollHeight);
    const events = new EventSource(tail.dataset.events);
    const say = (text) => {
      if (tail.textContent !== text) tail.textContent = text;
    };
    events.onopen = () => say("Followed as it is written.");
    events.onerror = () =>
      say(events.readyState === EventSource.CLOSED ? "No longer followed: load the page again." : "Connecting again …");
    events.onmessage = (event) => append(recordItem(JSON.parse(event.data)));
    events.addEventListener("missed", (event) =>
      append(element("li", "record muted", `${event.data} records came too fast to be shown`)));
    addEventListener("pagehide", () => events.close());
  }

  // A bundle, uploaded so that one sees how far it is.
  function install() {
    const form = document.getElementById("install");
    if (!form) return;
    const progress = document.getElementById("progress");
    const outcome = document.getElementById("outcome");
    const button = form.querySelector("button");
    const tell = (text, kind) => {
      outcome.className = kind;
      outcome.textContent = text;
    };
    const send = (method, address, body) =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open(method, address);
        request.setRequestHeader("X-CSRF-Token", form.dataset.csrf);
        request.responseType = "json";
        request.upload.onprogress = (event) => {
          if (!body || !event.lengthComputable) return;
          const share = Math.round((100 * event.loaded) / event.total);
          progress.value = share;
          tell(share < 100 ? `${share} % are there.` : "All of it is there, and is unpacked.", "muted");
        };
        request.onload = () => resolve({ ok: request.status < 400, value: request.response || {} });
        request.onerror = () => resolve({ ok: false, value: { message: "The connection was lost." } });
        request.send(body);
      });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = new FormData();
      if (document.getElementById("force").checked) data.append("force", "true");
      data.append("plugin", document.getElementById("bundle").files[0]);
      button.disabled = true;
      progress.hidden = false;
      const installed = await send("POST", form.dataset.action, data);
      progress.hidden = true;
      if (!installed.ok) {
        button.disabled = false;
        tell(installed.value.message || "It was not installed.", "alert");
        return;
      }
      const id = encodeURIComponent(installed.value.id);
      if (document.getElementById("enable").checked) {
        tell("It is installed, and starts …", "muted");
        const enabled = await send("POST", `${form.dataset.enable}${id}/enable`, null);
        if (!enabled.ok) {
          tell(`It is installed, but does not run. ${enabled.value.message || ""}`, "alert");
          button.disabled = false;
          return;
        }
      }
      location.assign(`${form.dataset.then}${id}?told=install`);
    });
  }

  refresh();
  follow();
  install();
})();

// What the pages do beyond plain links and forms. Each page can be read, and each form sent, without this file.
(() => {
  "use strict";
  const KEYS_OFF = "reelbus-keys-off";
  const typing = (element) => element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

  function showState(state) {
    const words = { live: "Live", paused: "Paused", lost: "Connection lost, trying again", ended: "Up to date" };
    for (const shown of document.querySelectorAll("[data-live-state]")) {
      shown.dataset.state = state;
      shown.textContent = words[state];
      shown.hidden = false;
    }
  }

  // A page that is opened in a hidden tab connects when it is seen. After that the extension pauses and goes on.
  function connect() {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", connect);
    const source = document.getElementById("live");
    if (source && !isConnected(source)) source.dispatchEvent(new CustomEvent("reelbus:connect"));
  }

  const isConnected = (source) => Boolean(source._htmx && source._htmx.sse);

  function followConnection() {
    const source = document.getElementById("live");
    if (!source) return;
    let isAsked = false;
    source.addEventListener("htmx:config:request", (event) => {
      if (isAsked) event.preventDefault(); // one stream for each page, however often htmx hears of it
      isAsked = true;
    });
    source.addEventListener("htmx:sse:after:connection", () => showState("live"));
    source.addEventListener("htmx:sse:error", () => showState("lost"));
    source.addEventListener("htmx:sse:close", (event) => event.detail.reason === "message" && showState("ended"));
    // The extension repeats a connection that ends, but not a first one that fails.
    source.addEventListener("htmx:finally:request", () => {
      if (isConnected(source) || source.dataset.ended) return;
      isAsked = false;
      document.addEventListener("visibilitychange", connect);
      setTimeout(connect, 3000);
    });
    source.addEventListener("htmx:sse:close", () => (source.dataset.ended = "yes"));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && !source.dataset.ended) showState("paused");
    });
    document.addEventListener("visibilitychange", connect);
    connect();
  }

  function showImage() {
    const input = document.getElementById("image"), preview = document.getElementById("image-preview");
    if (!input || !preview) return;
    input.addEventListener("change", () => {
      const file = input.files[0];
      preview.hidden = true;
      preview.removeAttribute("src");
      if (!file || !/^image\/(png|jpeg|webp)$/.test(file.type)) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        preview.src = reader.result;
        preview.hidden = false;
      });
      reader.readAsDataURL(file);
    });
  }

  // The price depends on how many images there are, and not on their content: megabytes are sent once, with the request.
  document.addEventListener("htmx:config:request", (event) => {
    const body = event.detail.ctx.request.body;
    if (!(body instanceof FormData)) return;
    for (const name of ["image", "last_image", "reference_images"]) {
      const count = body.getAll(name).filter((image) => image instanceof File && image.size).length;
      body.delete(name);
      if (count) body.set(`has_${name}`, count);
    }
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const text = document.getElementById(copy.dataset.copy).textContent;
      const say = (words) => (document.getElementById("announce").textContent = words);
      navigator.clipboard.writeText(text).then(() => say("Copied."), () => say("The browser refused to copy."));
    }
    if (event.target.closest("[data-keys]")) openKeys();
    const close = event.target.closest("[data-close]");
    if (close) close.closest("dialog").close();
  });

  function openKeys() {
    const dialog = document.getElementById("keys"), box = document.getElementById("keys-on");
    box.checked = !isOff();
    if (!dialog.open) dialog.showModal();
  }

  function isOff() {
    try {
      return localStorage.getItem(KEYS_OFF) === "yes";
    } catch {
      return false; // storage is switched off: the shortcuts stay on
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "keys-on") localStorage.setItem(KEYS_OFF, event.target.checked ? "no" : "yes");
    if (event.target.dataset.submit !== undefined) event.target.form.requestSubmit();
  });

  function step(by) {
    const links = [...document.querySelectorAll("[data-row]")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
    links[next].focus();
  }

  const shortcuts = {
    "/": () => {
      const search = document.getElementById("q");
      search ? search.focus() : document.getElementById("to-jobs").click();
    },
    n: () => document.getElementById("to-new").click(),
    j: () => step(1),
    k: () => step(-1),
    "?": openKeys,
  };

  document.addEventListener("keydown", (event) => {
    const act = shortcuts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || isOff()) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const hidden of document.querySelectorAll("[data-js]")) hidden.hidden = false;
    showImage();
    // htmx reads the page as soon as it is loaded, which may be before its extension is: then it has not seen the stream.
    htmx.process(document.body);
    followConnection();
  });
})();

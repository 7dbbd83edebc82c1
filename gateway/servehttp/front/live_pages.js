// Reloads its page once another version of the plugin serves. `servehttp dev` adds it to pages.
(() => {
  const script = document.currentScript;
  const { plugin, version } = script.dataset;
  const changes = new URL(`changes/${plugin}`, script.src);
  const FIRST_DELAY = 250;
  const LONGEST_DELAY = 8000;
  const MOST_FAILURES = 100; // a quarter of an hour, until somebody looks at the page again

  let source = null;
  let timer = 0;
  let failures = 0;

  function connect() {
    source = new EventSource(changes);
    source.onmessage = ({ data }) => {
      failures = 0;
      if (data !== version) {
        disconnect();
        location.reload();
      }
    };
    source.onerror = () => {
      disconnect();
      if (failures < MOST_FAILURES) {
        timer = setTimeout(connect, Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY));
        failures += 1;
      }
    };
  }

  function disconnect() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // A page that nobody sees asks for nothing: browsers have but six connections for all pages of an origin.
  function follow() {
    disconnect();
    failures = 0;
    if (document.visibilityState === "visible") connect();
  }

  document.addEventListener("visibilitychange", follow);
  addEventListener("pageshow", follow);
  addEventListener("pagehide", disconnect);
  follow();
})();

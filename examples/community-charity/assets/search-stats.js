/* Counts a search term. Loaded only after a yes to `site-search`. Stores nothing on the device and drops what looks
   like somebody's telephone number or address before it leaves the page; the site's server drops it again. */
(function () {
  "use strict";
  var done = false;
  function count() {
    var searched = document.documentElement.dataset.searched;
    if (done || !searched) return;
    done = true;
    var about = JSON.parse(searched);
    if (about.term.includes("@") || about.term.replace(/\D/g, "").length >= 5) return;
    fetch("/search-stats", { method: "POST", body: new URLSearchParams(about), keepalive: true });
  }
  document.addEventListener("site:searched", count);
  count();
})();

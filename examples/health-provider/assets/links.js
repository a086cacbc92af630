/* Reports which of the site's own links people select. Loaded only after a yes to `analytics`, behind Wayfinder's tag.
   It asks again before each report, because a yes can be taken back while the page is open. Reads no form fields. */
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var link = event.target instanceof Element && event.target.closest("a[href^='/']");
    if (link && window.assent.state().allowed.analytics) {
      snowplowBrowserTracking.trackStructEvent({ category: "link", action: "select", label: link.getAttribute("href") });
    }
  });
})();

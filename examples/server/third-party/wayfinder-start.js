/* The end of Wayfinder's tag: starts the client above and reports this page once.
   The collector is the host this file came from. It keeps its numbers in cookies only, for 180 days, and reports by itself
   nothing but the page view. */
(function (client) {
  "use strict";
  var tag = new URL(document.currentScript.src);
  client.newTracker("wayfinder", tag.origin, {
    appId: tag.searchParams.get("app") || "",
    stateStorageStrategy: "cookie",
    cookieLifetime: 180 * 24 * 60 * 60,
    cookieSecure: location.protocol === "https:",
    contexts: { webPage: false },
  });
  client.trackPageView();
})(snowplowBrowserTracking);

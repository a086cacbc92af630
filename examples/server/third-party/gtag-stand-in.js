/* A stand-in for Google's gtag.js, so that the example shows a whole visit without reaching Google.
   Like the real one it works through window.dataLayer in order, obeys the consent commands it finds there, sets the
   cookies _ga and _ga_<id>, and sends hits with the consent signal gcs. It knows `consent`, `config`, `event` and
   `set`; nothing else of the real program is in it. A real page loads Google's own address instead. */
(function () {
  "use strict";
  var own = new URL(document.currentScript.src);
  var consent = {};
  var settings = {};

  function allowed(key) {
    return consent[key] !== "denied";
  }

  // Google writes its cookies for the widest domain the browser lets it.
  function write(name, value, seconds) {
    var labels = location.hostname.split(".");
    for (var from = labels.length - 1; from >= 0; from--) {
      var domain = labels.slice(from).join(".");
      document.cookie = name + "=" + value + "; domain=" + domain + "; path=/; max-age=" + seconds + "; samesite=lax";
      if (read(name) === value) return;
    }
  }

  function read(name) {
    var found = document.cookie.split("; ").find(function (pair) {
      return pair.startsWith(name + "=");
    });
    return found ? found.slice(name.length + 1) : "";
  }

  function visitor(id, seconds) {
    var now = Math.floor(Date.now() / 1000);
    var value = read("_ga") || "GA1.1." + Math.floor(Math.random() * 2147483647) + "." + now;
    write("_ga", value, seconds);
    write("_ga_" + id.replace(/^G-/, ""), "GS2.1.s" + now + "$o1$g0$t" + now, seconds);
    return value.split(".").slice(2).join(".");
  }

  function send(id, name, fields) {
    var hit = new URL("/g/collect", own);
    var all = Object.assign({}, settings, fields);
    hit.searchParams.set("v", "2");
    hit.searchParams.set("tid", id);
    hit.searchParams.set("gcs", "G1" + (allowed("ad_storage") ? 1 : 0) + (allowed("analytics_storage") ? 1 : 0));
    hit.searchParams.set("en", name);
    hit.searchParams.set("dl", all.page_location || location.href);
    hit.searchParams.set("dt", all.page_title || document.title);
    if (allowed("analytics_storage")) hit.searchParams.set("cid", visitor(id, all.cookie_expires || 63072000));
    navigator.sendBeacon(hit);
  }

  var id = own.searchParams.get("id") || "";
  function obey(entry) {
    var command = entry[0];
    if (command === "consent") Object.assign(consent, entry[2]);
    else if (command === "set") Object.assign(settings, typeof entry[1] === "object" ? entry[1] : {});
    else if (command === "config") {
      id = entry[1];
      Object.assign(settings, entry[2]);
      if (settings.send_page_view !== false) send(id, "page_view", {});
    } else if (command === "event") send(id, entry[1], entry[2]);
  }

  var layer = (window.dataLayer = window.dataLayer || []);
  layer.slice().forEach(obey);
  var push = layer.push;
  layer.push = function () {
    var length = push.apply(layer, arguments);
    Array.prototype.forEach.call(arguments, obey);
    return length;
  };
})();

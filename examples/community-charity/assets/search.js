/* Search on this site's own pages: looks the words up in search.json and lists what it finds. First-party, stores
   nothing, tells nobody. When it is done it says so to the page (`site:searched`), which search-stats.js may hear. */
(function () {
  "use strict";
  var box = document.querySelector("[data-search]");
  var list = document.querySelector("[data-results]");
  var said = document.querySelector("[data-said]");
  var term = (new URLSearchParams(location.search).get("q") || "").trim();
  if (!term) return;
  box.value = term;

  function plain(text) {
    return text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  }

  fetch(list.dataset.results)
    .then(function (answer) { return answer.json(); })
    .then(function (pages) {
      var words = plain(term).split(/\s+/);
      var found = pages.filter(function (page) {
        var text = plain(page.title + " " + page.about + " " + page.words);
        return words.every(function (word) { return text.includes(word); });
      });
      found.forEach(function (page) {
        var item = document.createElement("li");
        var head = document.createElement("h2");
        var link = document.createElement("a");
        var about = document.createElement("p");
        link.href = page.path;
        link.textContent = page.title;
        about.textContent = page.about;
        head.append(link);
        item.append(head, about);
        list.append(item);
      });
      said.textContent = (found.length ? list.dataset.some : list.dataset.none).replace("{n}", found.length).replace("{q}", term);
      document.documentElement.dataset.searched = JSON.stringify({ term: term, found: found.length });
      document.dispatchEvent(new Event("site:searched"));
    });
})();

/* The one-question survey. Loaded only after a yes to `surveys`, because it reads and writes this device's storage.
   Sends the answer to this site, thanks, and does not ask again for six months. The question itself is HTML. */
(function () {
  "use strict";
  var key = "clinic.survey";
  var pause = 182 * 24 * 60 * 60 * 1000;
  if (Date.now() - Number(localStorage.getItem(key)) < pause) {
    document.documentElement.classList.add("survey-answered");
  }
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("[data-survey]")) return;
    event.preventDefault();
    var answer = new URLSearchParams(new FormData(form, event.submitter));
    fetch(form.action, { method: "POST", body: answer, redirect: "manual" });
    localStorage.setItem(key, String(Date.now()));
    var box = form.parentElement;
    box.classList.add("thanks");
    box.setAttribute("role", "status");
    box.textContent = form.dataset.thanks;
  });
})();

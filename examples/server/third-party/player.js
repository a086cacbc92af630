/* Playhouse's player: starts the drawn film and shows its captions. It stores nothing; its cookie is set over HTTP. */
(function () {
  "use strict";
  var captions = ["Come to any clinic on the harbour.", "You need no letter and no number.", "Tell us what you need, in Welsh or English.", "Someone will see you within the hour."];
  document.querySelector(".play").addEventListener("click", function () {
    document.body.classList.add("playing");
    captions.forEach(function (words, at) {
      setTimeout(function () { document.querySelector(".caption").textContent = words; }, at * 5000);
    });
  });
})();

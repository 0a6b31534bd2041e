// Asks every few seconds whether something has come since this page was sent, and says so. It never changes the record on the page.
(function () {
  "use strict";
  var doc = document, EVERY = 4000, MOST = 60000, UNHEARD = 30000;
  var timer = 0, wait = EVERY, heardAt = Date.now(), stopped = "", printing = false, asking = false, later = "";
  var GAP = "Whether anything new has arrived is not known since ";
  var END = "This page is no longer told of what is new. Show the record again to see it as it is now.";

  function record() { return doc.getElementById("record"); }

  function clock(at) {
    return new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/London" });
  }

  // Said once: a screen reader hears a sentence when it changes, and not every four seconds.
  function say(words) {
    var place = doc.getElementById("news");
    if (!place) { return; }
    var status = place.querySelector("[role=status]");
    if (status.dataset.words === words || (!words && !status.dataset.words)) { return; }
    if (!words && place.contains(doc.activeElement)) { return; }  // not from under the reader's hand
    status.dataset.words = words;
    var told = words && words !== later;
    status.textContent = told ? words : "";
    place.classList.toggle("cr-news--told", Boolean(told));
    place.querySelector("form").hidden = !told;
  }

  function next() {
    clearTimeout(timer);
    if (!doc.hidden && !printing) { timer = setTimeout(ask, wait); }
  }

  function ask() {
    var here = record(), form = doc.getElementById("heard"), heard = form && form.elements.heard, opening = here && here.dataset.opening;
    if (asking || doc.hidden || printing) { return; }
    if (!heard || !heard.value || stopped === opening) { next(); return; }
    var known = heard.value;
    asking = true;
    fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), cache: "no-store", redirect: "error",
      signal: window.AbortSignal && AbortSignal.timeout ? AbortSignal.timeout(10000) : undefined
    }).then(function (reply) {
      if (reply.ok) { return reply.json(); }
      if (reply.status < 500 && reply.status !== 429 && reply.status !== 408) { return { ended: true }; }
      throw new Error("later");
    }).then(function (told) {
      var now = record(), form = doc.getElementById("heard");
      wait = EVERY;
      heardAt = Date.now();
      // Of another opening, or of what the page has since been sent: thrown away.
      if (!now || now.dataset.opening !== opening || !form || form.elements.heard.value !== known) { return; }
      if (told.ended) { stopped = opening; }
      say(told.ended ? END : told.says);
    }).catch(function () {
      wait = Math.min(wait * 2, MOST);
      if (Date.now() - heardAt > UNHEARD) { say(GAP + clock(heardAt) + "."); }
    }).then(function () { asking = false; next(); });
  }

  doc.addEventListener("click", function (event) {
    if (!event.target.closest || !event.target.closest("#news [data-later]")) { return; }
    var status = doc.querySelector("#news [role=status]");
    later = status.dataset.words;
    status.dataset.words = "";
    doc.getElementById("main").focus({ preventScroll: true });
    say(later);
  });
  doc.addEventListener("visibilitychange", function () { if (doc.hidden) { clearTimeout(timer); } else { ask(); } });
  window.addEventListener("beforeprint", function () { printing = true; clearTimeout(timer); });
  window.addEventListener("afterprint", function () { printing = false; next(); });
  next();
})();

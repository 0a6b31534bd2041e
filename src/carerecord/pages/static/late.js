// Moves late answers into place and says so. Whatever does not belong to the patient and the opening on this page is thrown away.
(function () {
  "use strict";
  var doc = document, asker = null, kept = null;  // which button asked; how its reader stood when the answer came

  function record() { return doc.getElementById("record"); }

  function belongs(data) {
    var here = record();
    return here && data.patient === here.dataset.patient && data.opening === here.dataset.opening;
  }

  function announce(words) {
    var place = doc.getElementById("announce");
    if (!words || !place) { return; }
    place.textContent = "";
    setTimeout(function () { place.textContent = words; }, 60);
  }

  // Found again in what takes its place by its part of the page, its words, and which of those alike: rows before it may be new.
  function alike(part, place, plain) {
    return Array.from(part.querySelectorAll(place.tag)).filter(function (each) { return plain(each.textContent) === plain(place.words); });
  }
  function asItIs(words) { return words; }
  function uncounted(words) { return words.replace(/\d+/g, "0"); }  // "Show 12 more" may have become "Show 13 more"

  function placeOf(each) {
    var part = each.parentElement.closest("[id]"), place = { part: part.id, tag: each.tagName, words: each.textContent };
    place.nth = alike(part, place, asItIs).indexOf(each);
    return place;
  }

  function standsAt(place) {
    var part = doc.getElementById(place.part);
    return part && (alike(part, place, asItIs)[place.nth] || alike(part, place, uncounted)[place.nth]);
  }

  // What the reader had opened, and where the keyboard stood, or else what was asked from.
  function stance(within, asker) {
    var at = within.contains(doc.activeElement) ? doc.activeElement : doc.activeElement === doc.body ? asker : null;
    return { open: Array.from(within.querySelectorAll("details[open] > summary"), placeOf), at: at && at !== within ? placeOf(at) : null };
  }

  // All as it was. Where what had the focus is gone, its part of the page takes it: never the top of the page.
  function resume(kept) {
    kept.open.forEach(function (place) { var now = standsAt(place); if (now) { now.parentElement.open = true; } });
    if (!kept.at) { return; }
    var now = standsAt(kept.at) || doc.getElementById(kept.at.part);
    if (!now || !now.offsetHeight) { now = doc.getElementById("main"); }
    if (now.tabIndex < 0) { now.setAttribute("tabindex", "-1"); }
    now.focus({ preventScroll: true });
  }

  function fill(into, content) {
    var kept = stance(into, null);
    into.replaceChildren(content);
    into.hidden = false;
    resume(kept);
    if (window.htmx) { window.htmx.process(into); }
  }

  function take(template) {
    var data = template.dataset;
    template.remove();
    if (!belongs(data)) { return; }
    if (data.into) {
      var into = doc.getElementById(data.into);
      if (into) { fill(into, template.content); }
    }
    announce(data.say);
  }

  // A template is whole once something follows it, or once the document has ended.
  function takeWhole() {
    doc.querySelectorAll("body > template[data-late]").forEach(function (each) {
      if (each.nextSibling || doc.readyState !== "loading") { take(each); }
    });
  }

  function measure() {
    var fixed = doc.getElementById("fixed"), slim = doc.querySelector(".cr-slim"), bar = doc.querySelector(".cr-bar");
    if (!fixed) { return; }
    doc.documentElement.classList.toggle("cr-low", fixed.offsetHeight > innerHeight * 0.45);
    var sticky = getComputedStyle(fixed).position === "sticky";
    var height = sticky ? fixed.offsetHeight : slim ? slim.offsetHeight : 0;
    doc.documentElement.style.setProperty("--fixed", height + "px");
    doc.documentElement.style.setProperty("--bar", (bar ? bar.offsetHeight : 0) + "px");
  }

  new MutationObserver(function (changes) {
    for (var each of changes) {
      for (var node of each.addedNodes) {
        if (node.nodeType === 1 && node.id === "record") { measure(); }
        if (node.parentNode === doc.body || node.nodeName === "TEMPLATE") { takeWhole(); return; }
      }
    }
  }).observe(doc.documentElement, { childList: true, subtree: true });

  doc.addEventListener("DOMContentLoaded", function () {
    takeWhole();
    measure();
    var errors = doc.querySelector(".cr-errors");
    if (errors) { errors.focus(); }
    if (window.ResizeObserver && doc.getElementById("fixed")) { new ResizeObserver(measure).observe(doc.getElementById("fixed")); }
  });
  window.addEventListener("resize", measure);

  // htmx notes the page's path for its history, which is switched off: nothing of a visit stays in the browser.
  window.addEventListener("load", function () {
    try { sessionStorage.removeItem("htmx-current-path-for-history"); } catch (error) { /* storage is closed: so much the better */ }
  });

  // htmx: an answer is taken only while the page still shows the patient and the opening that asked for it.
  doc.addEventListener("htmx:beforeRequest", function (event) {
    var here = record();
    if (!here) { return; }
    event.detail.xhr.asked = here.dataset.patient + "|" + here.dataset.opening;
    asker = event.detail.elt.querySelector("button");
  });
  doc.addEventListener("htmx:beforeSwap", function (event) {
    var here = record(), xhr = event.detail.xhr;
    if (!here || !xhr.asked) { return; }
    var told = xhr.getResponseHeader("X-Carerecord-Patient");
    if (xhr.asked !== here.dataset.patient + "|" + here.dataset.opening || (told && told !== here.dataset.patient)) {
      event.detail.shouldSwap = false;
      return;
    }
    if (xhr.status >= 400 || told === null) {
      event.detail.shouldSwap = false;
      var found = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("main h1, main p");
      announce(found ? found.textContent : "That could not be done. Load the page again.");
      if (xhr.status === 401) { location.reload(); }
    }
    kept = event.detail.shouldSwap ? stance(here, asker) : null;
  });
  // The button is disabled while its source is asked, and so lost the focus.
  doc.addEventListener("htmx:afterRequest", function () {
    setTimeout(function () { if (!kept && asker && asker.isConnected && doc.activeElement === doc.body) { asker.focus(); } });
  });
  doc.addEventListener("htmx:afterSettle", function () {
    var here = record(), print = here && here.querySelector("template[data-print]");
    if (print && doc.getElementById("print")) { doc.getElementById("print").textContent = print.content.textContent; }
    if (here && kept) { resume(kept); }
    kept = asker = null;
    if (here) { announce(here.dataset.say); measure(); }
  });

  // A page taken from the browser's memory may show somebody whom the reader has left: ask for it anew.
  window.addEventListener("pageshow", function (event) { if (event.persisted) { location.reload(); } });
})();

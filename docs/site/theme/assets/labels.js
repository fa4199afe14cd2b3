/* What the theme adds to a page, for screen readers and the keyboard: bars of buttons of code blocks get names, wide tables the focus. */
(() => {
  function label() {
    document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((bar) => {
      const number = [...document.querySelectorAll("pre")].indexOf(bar.closest("pre")) + 1;
      bar.setAttribute("aria-label", `${bar.querySelector("button")?.title || ""} ${number}`);
    });
    document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((box) => { box.tabIndex = 0; });
  }
  new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
  label();
})();

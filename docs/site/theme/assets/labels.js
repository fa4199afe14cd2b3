/* Names the buttons' bars of code blocks, which the theme adds as a page is scrolled, so that screen readers tell them apart. */
(() => {
  const label = () => document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((bar) => {
    const block = bar.closest("pre") || bar.parentElement;
    const number = [...document.querySelectorAll("pre")].indexOf(block) + 1;
    bar.setAttribute("aria-label", `${bar.querySelector("button")?.title || ""} ${number}`);
  });
  new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
  label();
})();

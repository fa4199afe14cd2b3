/* The worked example: a kernel dragged over an image. Texts come from the page, in its language. */
(() => {
  const IMAGE = [[10, 10, 10, 10, 10], [10, 5, 5, 5, 10], [10, 5, 5, 5, 10], [10, 5, 5, 5, 10], [10, 10, 10, 10, 10]];
  const KERNEL = [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]];

  const make = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));

  function grid(parent, caption, size) {
    const figure = make("figure", {}, parent);
    make("figcaption", { textContent: caption }, figure);
    const cells = make("div", { className: "cells" }, figure);
    cells.style.gridTemplateColumns = `repeat(${size}, auto)`;
    return cells;
  }

  function start(root) {
    const text = root.dataset;
    const kernel = KERNEL.map((row) => [...row]);
    let at = [0, 0];

    const image = grid(root, text.image, 5);
    const cells = IMAGE.map((row, y) => row.map((value, x) => {
      const cell = make("div", { textContent: value }, image);
      cell.dataset.y = y;
      cell.dataset.x = x;
      return cell;
    }));
    const taps = grid(root, text.kernel, 3);
    kernel.forEach((row, y) => row.forEach((value, x) => {
      const tap = make("input", { value, inputMode: "numeric", ariaLabel: `${text.kernel} ${y + 1}, ${x + 1}` }, taps);
      tap.addEventListener("input", () => { kernel[y][x] = Number(tap.value) || 0; show(); });
    }));
    const result = grid(root, text.result, 3);
    const places = [0, 1, 2].map((y) => [0, 1, 2].map((x) => {
      const place = make("button", { type: "button" }, result);
      place.addEventListener("click", () => move(y, x));
      return place;
    }));
    const flip = make("label", {}, root);
    const box = make("input", { type: "checkbox", checked: true }, flip);
    flip.append(` ${text.flip}`);
    box.addEventListener("change", show);
    const sum = make("p", { className: "sum" }, root);
    sum.setAttribute("aria-live", "polite");

    const tap = (i, j) => (box.checked ? kernel[2 - i][2 - j] : kernel[i][j]);

    function products(y, x) {
      const found = [];
      for (let i = 0; i < 3; i += 1) for (let j = 0; j < 3; j += 1) found.push([IMAGE[y + i][x + j], tap(i, j)]);
      return found;
    }

    function show() {
      const [top, left] = at;
      cells.forEach((row, y) => row.forEach((cell, x) => {
        const inside = y >= top && y < top + 3 && x >= left && x < left + 3;
        cell.classList.toggle("under", inside);
        cell.textContent = inside ? `${IMAGE[y][x]}·${tap(y - top, x - left)}` : IMAGE[y][x];
      }));
      places.forEach((row, y) => row.forEach((place, x) => {
        place.textContent = products(y, x).reduce((total, [a, b]) => total + a * b, 0);
        place.classList.toggle("here", y === top && x === left);
      }));
      const terms = products(top, left).filter(([, b]) => b).map(([a, b]) => `${a}·${b < 0 ? `(${b})` : b}`);
      sum.textContent = `${terms.join(" + ") || 0} = ${places[top][left].textContent}`;
    }

    function move(y, x) {
      at = [Math.max(0, Math.min(2, y)), Math.max(0, Math.min(2, x))];
      show();
    }

    function drag(event) {
      const cell = document.elementFromPoint(event.clientX, event.clientY);
      if (event.buttons && cell && cell.parentNode === image) move(cell.dataset.y - 1, cell.dataset.x - 1);
    }
    image.addEventListener("pointerdown", (event) => { image.setPointerCapture(event.pointerId); drag(event); });
    image.addEventListener("pointermove", drag);
    show();
  }

  document.querySelectorAll(".convolution").forEach(start);
})();

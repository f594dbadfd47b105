"use strict";
(() => {
  const root = document.documentElement;
  const make = (tag, text, kind) => Object.assign(document.createElement(tag), { textContent: text, className: kind });

  const dark = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .find((rule) => rule.media && rule.media.mediaText.includes("prefers-color-scheme: dark"));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = make("button", "", "tool");
  let isDark = system.matches;
  const name = () => { theme.textContent = isDark ? "Light page" : "Dark page"; };
  theme.addEventListener("click", () => {
    isDark = !isDark;
    dark.media.mediaText = isDark ? "screen" : "not all";
    root.style.colorScheme = isDark ? "dark" : "light";
    name();
  });
  name();
  document.querySelector(".top").append(theme);

  const units = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, ms: 0.001, min: 60, h: 3600, kJ: 1000 };
  const figure = (text) => {
    const plain = text.replace(/,(?=\d{3})/g, "").replace(/\u2212/g, "-");
    const parts = [...plain.matchAll(/(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)/g)]
      .map(([, number, unit]) => [Number(number) * (units[unit] || 1), unit]);
    if (!parts.length) return NaN;
    const more = ["h", "min"].includes(parts[0][1]) && parts[1] ? parts[1][0] : 0;
    return parts[0][0] + more;
  };
  const compare = (numeric, sign) => (one, other) => {
    if (!numeric) return sign * one.text.localeCompare(other.text, undefined, { numeric: true });
    if (isNaN(one.value) || isNaN(other.value)) return isNaN(one.value) - isNaN(other.value);
    return sign * (one.value - other.value);
  };
  const sort = (table, head, at) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => {
      const text = row.cells[at].textContent.trim();
      return { row, text, value: figure(text) };
    });
    rows.sort(compare(head.classList.contains("n"), up ? 1 : -1));
    body.append(...rows.map(({ row }) => row));
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  };
  for (const table of document.querySelectorAll("table:not(.matrix)")) {
    if (table.tBodies[0].rows.length < 3) continue;
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      const button = make("button", head.textContent, "sort");
      button.addEventListener("click", () => sort(table, head, at));
      head.replaceChildren(button);
    });
  }

  for (const block of document.querySelectorAll(".copy")) {
    const text = block.textContent;
    const button = make("button", "Copy", "tool");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block);
        button.textContent = "Selected: press Ctrl+C";
      }
    });
    block.before(button);
  }

  const tip = make("div", "", "tip");
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  for (const title of document.querySelectorAll("svg title")) {
    const text = title.textContent;
    const mark = title.parentNode;
    title.remove();
    mark.addEventListener("pointermove", (event) => {
      tip.textContent = text;
      tip.style.display = "block";
      tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 14}px`;
    });
    mark.addEventListener("pointerleave", () => { tip.style.display = "none"; });
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
})();

"use strict";
// What the page does beyond being read: models hidden in all plots, values at a cursor, videos played. All text and
// drawings are in the page already; without this script it shows them all.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const percent = (share) => `${(100 * share).toFixed(0)}\u00a0%`;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  document.documentElement.classList.add("js");

  // A legend's button hides its model in every plot of the page.
  const off = new Set();
  for (const button of all("[data-toggle]")) {
    button.addEventListener("click", () => {
      const family = button.dataset.toggle;
      if (!off.delete(family)) off.add(family);
      for (const one of all("[data-toggle]")) one.setAttribute("aria-pressed", String(!off.has(one.dataset.toggle)));
      for (const mark of all("[data-family]")) mark.classList.toggle("off", off.has(mark.dataset.family));
    });
  }

  // What is folded opens for a link into it, and for printing.
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", unfold);
  for (const link of all('a[href^="#"]')) link.addEventListener("click", () => setTimeout(unfold));
  unfold();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });

  // A plot's cursor is a slider; the pointer over the plot moves it too. `tell(value)` says what is there.
  const follow = (plot, from, to, step, tell) => {
    const slider = plot.querySelector(".scrub");
    const line = plot.querySelector(".cursor");
    Object.assign(slider, { min: from, max: to, step });
    const show = () => {
      const at = Number(slider.value);
      if (line) line.style.left = `${(100 * (at - from)) / (to - from || 1)}%`;
      slider.setAttribute("aria-valuetext", tell(at));
    };
    slider.addEventListener("input", show);
    for (const box of all(".box, .strip", plot)) {
      box.addEventListener("pointermove", (event) => {
        if (event.pointerType !== "mouse" && event.buttons === 0) return;
        const place = box.getBoundingClientRect();
        slider.value = from + clamp((event.clientX - place.left) / place.width, 0, 1) * (to - from);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
    return (value) => {
      slider.value = value;
      show();
    };
  };

  // Curves: what each model had reached at an epoch.
  for (const plot of all("[data-lines]")) {
    const lines = JSON.parse(plot.dataset.lines);
    const move = follow(plot, lines.from, lines.to, lines.step, (at) => {
      const spoken = [`${lines.unit} ${at}`];
      for (const place of all("[data-value]", plot)) {
        const known = Object.entries(lines.values[place.dataset.value]).filter(([, values]) => at - lines.from < values.length);
        const text = known.map(([kind, values]) => `${kind} ${percent(values[at - lines.from])}`).join(", ");
        place.textContent = text ? `${lines.unit} ${at}: ${text}` : "ended before";
        spoken.push(`${place.dataset.value} ${text}`);
      }
      return spoken.join("; ");
    });
    move(lines.at);
  }

  // A video: its picture, and what each model answers at the cursor.
  const nearest = (seconds, at) =>
    seconds.reduce((best, one, index) => (Math.abs(one - at) < Math.abs(seconds[best] - at) ? index : best), 0);
  const watch = (article) => {
    const { from, to, labels, traces, views } = JSON.parse(article.dataset.moments);
    const frame = article.querySelector(".frame use") && article.querySelector(".frame");
    const marks = all(".strip svg", article);
    const play = article.querySelector(".play");
    const choice = article.querySelector(".follow");
    const slider = article.querySelector(".scrub");
    const step = (to - from) / Math.max(1, views.length || 32);
    const tell = (at) => {
      const part = clamp((at - from) / (to - from), 0, 0.9999);
      if (frame) frame.setAttribute("viewBox", views[Math.floor(part * views.length + 1e-6)]);
      marks.forEach((mark, index) => mark.classList.toggle("on", index === Math.floor(part * marks.length)));
      const spoken = [`${at.toFixed(1)} seconds`];
      for (const place of all("[data-value]", article)) {
        const trace = traces[place.dataset.value];
        if (!trace) continue;
        const moment = nearest(trace.seconds, at);
        const answer = trace.labels[moment];
        const text = `${answer} ${percent(trace.confidence[moment])}`;
        const truth = answer === labels[0] ? "" : `, ${labels[0]} ${percent(trace.probabilities[0][moment])}`;
        place.textContent = `at ${at.toFixed(1)} s: ${text}${truth}`;
        spoken.push(`${place.dataset.value}: ${text}`);
      }
      return spoken.join("; ");
    };
    const move = follow(article, from, to, step, tell);
    move(from);

    if (choice) {
      choice.addEventListener("change", () => {
        article.querySelector(".box svg").setAttribute("aria-label", `Probability of ${labels[choice.value]} through time`);
        for (const line of all("polyline", article)) {
          const trace = traces[line.dataset.family];
          const heights = trace.probabilities[choice.value].map((chance) => 100 - 100 * chance);
          const places = trace.seconds.map((second) => (100 * (second - from)) / (to - from));
          const ends = heights.length > 1 ? places : [0, 100];
          line.setAttribute("points", ends.map((x, index) => `${x},${heights[Math.min(index, heights.length - 1)]}`).join(" "));
        }
      });
    }

    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      if (play) play.textContent = "Play";
    };
    if (play) {
      play.addEventListener("click", () => {
        if (timer) return stop();
        if (Number(slider.value) >= to - step) move(from);
        let last = performance.now();
        let at = Number(slider.value);
        play.textContent = "Pause";
        timer = setInterval(() => {
          const now = performance.now();
          at += ((now - last) / 1000) * Number(article.querySelector(".speed").value);
          last = now;
          move(Math.min(at, to));
          if (at >= to) stop();
        }, 40);
      });
      slider.addEventListener("pointerdown", stop);
      slider.addEventListener("keydown", stop);
    }
    return stop;
  };

  // The list of videos: one is shown at a time.
  for (const viewer of all(".viewer")) {
    const articles = all("article", viewer);
    const stops = articles.map(watch);
    const items = all(".pick label", viewer);
    const pick = (number) =>
      articles.forEach((article, index) => {
        article.classList.toggle("shown", article.dataset.number === number);
        if (article.dataset.number !== number) stops[index]();
      });
    for (const item of items) item.firstElementChild.addEventListener("change", (event) => pick(event.target.value));
    const filters = all("[data-filter]", viewer);
    for (const filter of filters) {
      filter.addEventListener("change", () => {
        for (const item of items) {
          item.hidden = filters.some((one) => one.value && item.dataset[one.dataset.filter] !== one.value);
        }
        const left = items.filter((item) => !item.hidden);
        const few = left.length < items.length;
        viewer.querySelector(".left").textContent = !left.length ? "No video matches both." : few ? `${left.length} of ${items.length} videos` : "";
        if (left.some((item) => item.firstElementChild.checked)) return;
        for (const item of items) item.firstElementChild.checked = item === left[0];
        pick(left.length ? left[0].firstElementChild.value : "");
      });
    }
    pick("1");
  }
})();

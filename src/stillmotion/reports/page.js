"use strict";
// What the page does beyond being read: models are hidden in all plots, values are shown at a cursor, videos are played.
// All text and drawings are in the page already. Without this script, all of them are shown.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const percent = (share) => `${(100 * share).toFixed(0)}\u00a0%`;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  document.documentElement.classList.add("js");

  // A legend's button hides its model in every plot of the page.
  const hidden = new Set();
  const buttons = all("[data-toggle]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const family = button.dataset.toggle;
      if (!hidden.delete(family)) hidden.add(family);
      for (const other of buttons) other.setAttribute("aria-pressed", String(!hidden.has(other.dataset.toggle)));
      for (const mark of all("[data-family]")) mark.classList.toggle("off", hidden.has(mark.dataset.family));
    });
  }

  // Folded sections open for links that lead to them, and for printing.
  const openTarget = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", openTarget);
  for (const link of all('a[href^="#"]')) link.addEventListener("click", () => setTimeout(openTarget));
  openTarget();
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });

  // Tables that are wider than the page say that they scroll.
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) target.parentElement.classList.toggle("wider", target.scrollWidth > target.clientWidth);
  });
  for (const table of all(".scroll")) widths.observe(table);

  // A plot's cursor is a slider, which the pointer over the plot moves, too. `describe(value)` updates the plot and
  // returns its text for screen readers. The result moves the cursor.
  const addCursor = (plot, from, to, step, describe) => {
    const slider = plot.querySelector(".scrub");
    const line = plot.querySelector(".cursor");
    Object.assign(slider, { min: from, max: to, step });
    const update = () => {
      const value = Number(slider.value);
      if (line) line.style.left = `${(100 * (value - from)) / (to - from || 1)}%`;
      slider.setAttribute("aria-valuetext", describe(value));
    };
    slider.addEventListener("input", update);
    for (const box of all(".box, .strip", plot)) {
      box.addEventListener("pointermove", (event) => {
        if (event.pointerType !== "mouse" && event.buttons === 0) return;
        const bounds = box.getBoundingClientRect();
        slider.value = from + clamp((event.clientX - bounds.left) / bounds.width, 0, 1) * (to - from);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
    return (value) => {
      slider.value = value;
      update();
    };
  };

  // Training curves: the accuracy of each model at an epoch.
  for (const plot of all("[data-lines]")) {
    const { from, to, at, step, unit, values } = JSON.parse(plot.dataset.lines);
    const move = addCursor(plot, from, to, step, (value) => {
      const spoken = [`${unit} ${value}`];
      for (const output of all("[data-value]", plot)) {
        const text = Object.entries(values[output.dataset.value])
          .filter(([, curve]) => value - from < curve.length)
          .map(([part, curve]) => `${part} ${percent(curve[value - from])}`)
          .join(", ");
        output.textContent = text ? `${unit} ${value}: ${text}` : "training had ended";
        spoken.push(`${output.dataset.value} ${text}`);
      }
      return spoken.join("; ");
    });
    move(at);
  }

  const indexOfNearest = (seconds, value) =>
    seconds.reduce((best, second, index) => (Math.abs(second - value) < Math.abs(seconds[best] - value) ? index : best), 0);

  // The points of a line in a box of 100 by 100. A single prediction is for the whole video.
  const linePoints = (seconds, probabilities, from, to) => {
    const xs = seconds.length > 1 ? seconds.map((second) => (100 * (second - from)) / (to - from)) : [0, 100];
    return xs.map((x, index) => `${x},${100 - 100 * probabilities[Math.min(index, probabilities.length - 1)]}`).join(" ");
  };

  // A video: its frame and each model's prediction at the cursor. The result stops playing.
  const addExample = (article) => {
    const { from, to, labels, traces, views } = JSON.parse(article.dataset.example);
    const frame = article.querySelector(".frame svg");
    const strip = all(".strip > svg", article);
    const step = (to - from) / Math.max(1, views.length || 32);
    const move = addCursor(article, from, to, step, (value) => {
      const share = clamp((value - from) / (to - from), 0, 0.9999);
      if (frame) frame.setAttribute("viewBox", views[Math.floor(share * views.length + 1e-6)]);
      strip.forEach((image, index) => image.classList.toggle("on", index === Math.floor(share * strip.length)));
      const spoken = [`${value.toFixed(1)} seconds`];
      for (const output of all("[data-value]", article)) {
        const trace = traces[output.dataset.value];
        if (!trace) continue;
        const index = indexOfNearest(trace.seconds, value);
        const predicted = trace.labels[index];
        const text = `${predicted} ${percent(trace.confidence[index])}`;
        const truth = predicted === labels[0] ? "" : `, ${labels[0]} ${percent(trace.probabilities[0][index])}`;
        output.textContent = `at ${value.toFixed(1)} s: ${text}${truth}`;
        spoken.push(`${output.dataset.value}: ${text}`);
      }
      return spoken.join("; ");
    });
    move(from);

    const plotted = article.querySelector(".plotted");
    if (plotted) {
      plotted.addEventListener("change", () => {
        article.querySelector(".box svg").setAttribute("aria-label", `Probability of ${labels[plotted.value]} over time`);
        for (const line of all("polyline", article)) {
          const { seconds, probabilities } = traces[line.dataset.family];
          line.setAttribute("points", linePoints(seconds, probabilities[plotted.value], from, to));
        }
      });
    }

    const play = article.querySelector(".play");
    if (!play) return () => {};
    const slider = article.querySelector(".scrub");
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      play.textContent = "Play";
    };
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (Number(slider.value) >= to - step) move(from);
      let last = performance.now();
      let position = Number(slider.value);
      play.textContent = "Pause";
      timer = setInterval(() => {
        const now = performance.now();
        position += ((now - last) / 1000) * Number(article.querySelector(".speed").value);
        last = now;
        move(Math.min(position, to));
        if (position >= to) stop();
      }, 40);
    });
    slider.addEventListener("pointerdown", stop);
    slider.addEventListener("keydown", stop);
    return stop;
  };

  // The list of videos: one is shown at a time.
  for (const viewer of all(".viewer")) {
    const articles = all("article", viewer);
    const stops = articles.map(addExample);
    const items = all(".list label", viewer);
    const radio = (item) => item.querySelector("input");
    const show = (number) =>
      articles.forEach((article, index) => {
        article.classList.toggle("shown", article.dataset.number === number);
        if (article.dataset.number !== number) stops[index]();
      });
    for (const item of items) radio(item).addEventListener("change", (event) => show(event.target.value));
    const filters = all("[data-filter]", viewer);
    const matches = (item) => filters.every(({ value, dataset }) => !value || item.dataset[dataset.filter] === value);
    for (const filter of filters) {
      filter.addEventListener("change", () => {
        for (const item of items) item.hidden = !matches(item);
        const left = items.filter(matches);
        const summary = left.length < items.length ? `${left.length} of ${items.length} videos` : "";
        viewer.querySelector(".matches").textContent = left.length ? summary : "No video matches both filters.";
        if (left.some((item) => radio(item).checked)) return;
        for (const item of items) radio(item).checked = item === left[0];
        show(left.length ? radio(left[0]).value : "");
      });
    }
    show("1");
  }
})();

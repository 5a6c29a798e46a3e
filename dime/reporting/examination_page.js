
"use strict";
(() => {
  const root = document.documentElement;
  const told = JSON.parse(document.getElementById("wave-data").textContent);
  const articles = [...document.querySelectorAll(".slice")];
  const find = (name) => document.getElementById(name);
  const chooser = find("slice"), button = find("play-pause");
  const signed = (text) => Int8Array.from(atob(text), (one) => one.charCodeAt(0));
  const colours = Uint8Array.from(atob(told.colours), (one) => one.charCodeAt(0));
  const last = colours.length / 3 - 1;

  const canvas = document.createElement("canvas");
  canvas.width = told.width;
  canvas.height = told.height + told.strip;
  canvas.setAttribute("aria-hidden", "true");
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(told.width, told.height);

  let shown = -1, places, real, imaginary;
  let phase = 0, earlier = null, request = null;

  // Re(u e^{i phase}) in the colours of the still picture
  function draw() {
    const scale = told.room / 254 * last;
    const cosine = Math.cos(phase) * scale, sine = Math.sin(phase) * scale, pixels = image.data;
    for (let n = 0; n < places.length; n++) {
      const value = Math.round(last / 2 + real[n] * cosine - imaginary[n] * sine);
      const colour = 3 * Math.max(0, Math.min(last, value)), at = 4 * places[n];
      pixels[at] = colours[colour];
      pixels[at + 1] = colours[colour + 1];
      pixels[at + 2] = colours[colour + 2];
      pixels[at + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }

  function show(row) {
    row = Math.max(0, Math.min(articles.length - 1, row));
    if (row === shown) return;
    shown = row;
    articles.forEach((one, place) => one.classList.toggle("shown", place === row));
    const slice = told.slices[row];
    real = signed(slice.real);
    imaginary = signed(slice.imaginary);
    places = new Uint32Array(real.length);
    for (let run = 0, n = 0; run < slice.runs.length; run += 2)
      for (let step = 0; step < slice.runs[run + 1]; step++) places[n++] = slice.runs[run] + step;
    image.data.fill(0);
    articles[row].querySelector(".wave .plate").append(canvas);
    draw();
    if (!chooser) return;
    chooser.value = row + 1;
    const words = `Slice ${row + 1} of ${articles.length}`;
    chooser.setAttribute("aria-valuetext", words);
    find("shown").textContent = words;
    find("earlier").disabled = row === 0;
    find("later").disabled = row === articles.length - 1;
  }

  function frame(now) {
    if (earlier !== null) phase = (phase + 2 * Math.PI * (now - earlier) / 1000 / told.seconds) % (2 * Math.PI);
    earlier = now;
    draw();
    request = requestAnimationFrame(frame);
  }

  function play(on) {
    if (request !== null) cancelAnimationFrame(request);
    request = earlier = null;
    button.textContent = on ? "Pause the wave" : "Play the wave";
    if (on) request = requestAnimationFrame(frame);
  }

  root.classList.add("scripted");
  button.addEventListener("click", () => play(request === null));
  find("veiled").addEventListener("change", (event) => root.classList.toggle("unveiled", !event.target.checked));
  if (chooser) {
    chooser.addEventListener("input", () => show(chooser.value - 1));
    find("earlier").addEventListener("click", () => show(shown - 1));
    find("later").addEventListener("click", () => show(shown + 1));
    document.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      const taken = event.target.closest?.("input, .scroll") || event.altKey || event.ctrlKey || event.metaKey;
      if (step && !taken) show(shown + step);
    });
  }
  const asked = () => /^#slice-(\d+)$/.exec(location.hash);
  addEventListener("hashchange", () => {
    if (asked()) show(asked()[1] - 1);
    if (asked()) articles[shown].scrollIntoView({block: "center"});
  });
  show(asked() ? asked()[1] - 1 : told.first);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  still.addEventListener("change", () => play(!still.matches));
  play(!still.matches);
})();

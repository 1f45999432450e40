"use strict";
const told = JSON.parse(document.getElementById("told").textContent);
const $ = (id) => document.getElementById(id);

// Figures as danlu.compute.words writes them.
const figures = (x, n) => Number(x.toPrecision(n)).toLocaleString("en", { maximumFractionDigits: 6 });
function duration(s) {
  if (s < 0.1) return (s * 1e3).toFixed(1) + " ms";
  for (const [limit, unit, name] of [[90, 1, "s"], [5400, 60, "min"], [172800, 3600, "h"], [3e9, 86400, "days"]]) {
    if (s < limit) {
      const v = s / unit;
      return v.toLocaleString("en", { maximumFractionDigits: v >= 10 && name !== "days" ? 0 : 1 }) + " " + name;
    }
  }
  return figures(s / 31557600, 2) + " years";
}
function money(usd) {
  for (const [limit, unit, name] of [[1e9, 1e9, "billion "], [1e6, 1e6, "M "], [1e5, 1e3, "k "]]) {
    if (usd >= limit) return figures(usd / unit, 3) + " " + name + "USD";
  }
  return usd >= 1 ? usd.toLocaleString("en", { maximumFractionDigits: usd < 100 ? 2 : 0 }) + " USD"
    : usd >= 0.01 ? figures(usd, 2) + " USD" : "under 0.01 USD";
}
function many(n) {
  for (const [limit, name] of [[1e12, "T"], [1e9, "B"], [1e6, "M"]]) if (n >= limit) return figures(n / limit, 3) + name;
  return Math.round(n).toLocaleString("en");
}
const gigabytes = (b) => (b < 1e10 ? (b / 1e9).toFixed(2) : Math.round(b / 1e9).toLocaleString("en")) + " GB";
const percent = (x) => Math.round(100 * x) + "%";

function node(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Rows of (name, value, words), the largest first; what is less than 1.5% of all stands in one row.
function bars(table, parts, words, names) {
  const rows = Object.entries(parts).sort((a, b) => b[1] - a[1]);
  const total = rows.reduce((sum, [, v]) => sum + v, 0) || 1;
  const small = rows.filter(([, v]) => v < 0.015 * total);
  const shown = small.length > 1 ? rows.filter(([, v]) => v >= 0.015 * total) : rows;
  if (small.length > 1) shown.push(["the rest", small.reduce((sum, [, v]) => sum + v, 0)]);
  table.tBodies[0].replaceChildren(...shown.map(([name, value]) => {
    const row = node("tr", null);
    row.append(node("th", names[name] || name.replaceAll("_", " "), { scope: "row" }));
    const track = node("div", null, { class: "track", "aria-hidden": "true" });
    track.append(node("i", null, { style: `width:${(100 * value / (shown[0][1] || 1)).toFixed(1)}%` }));
    const cell = node("td", null);
    cell.append(track);
    row.append(cell, node("td", words(value, total)));
    return row;
  }));
}

const sliders = ["devices", "batches", "precisions"];
const prices = told.prices.map((price) => price.key);

function chosen() {
  const place = sliders.map((axis) => Number($(axis).value));
  const index = (place[0] * told.grid.batches.length + place[1]) * told.grid.precisions.length + place[2];
  return { devices: told.grid.devices[place[0]], batch: told.grid.batches[place[1]],
    precision: told.grid.precisions[place[2]], cell: told.grid.cells[index] };
}

function paid(at, seconds) {
  const p = Object.fromEntries(prices.map((key) => [key, Number($(key).value)]));
  const hours = seconds / 3600, device_hours = hours * at.devices;
  const kwh = device_hours * told.watts * p.node_factor * p.pue / 1e3;
  const hourly = told.owning * p.buy / p.gpu_share / (p.years * 8766 * p.utilisation / 100);
  return { device_hours, kwh, rent: device_hours * p.rent, energy: kwh * p.electricity,
    own: device_hours * hourly + kwh * p.electricity, hourly };
}

function draw() {
  const at = chosen(), cell = at.cell;
  $("devices-value").textContent = at.devices.toLocaleString("en");
  $("batches-value").textContent = at.batch.toLocaleString("en") + " rows";
  $("precisions-value").textContent = at.precision;
  for (const price of told.prices) $(price.key + "-value").textContent = Number($(price.key).value).toLocaleString("en");
  $("answer").hidden = cell === null;
  const verdict = $("verdict");
  if (cell === null) {
    verdict.className = "verdict not";
    verdict.textContent = `No layout shares ${at.batch.toLocaleString("en")} rows a step among ${at.devices.toLocaleString("en")} devices.`;
    return;
  }
  const steps = Math.max(1, told.tokens / cell.tokens), seconds = steps * cell.step_s.value / cell.goodput;
  const scale = steps / cell.goodput, cost = paid(at, seconds);
  verdict.className = "verdict " + (cell.fits ? "fits" : "not");
  verdict.textContent = cell.verdict;
  $("card-time").textContent = duration(seconds);
  $("card-time-range").textContent = `${duration(scale * cell.step_s.low)} to ${duration(scale * cell.step_s.high)}`;
  $("card-cost").textContent = money(cost.rent);
  $("card-cost-note").textContent = `rented; ${money(cost.own)} on devices of your own`;
  $("card-memory").textContent = gigabytes(cell.memory.bytes.value);
  $("card-memory-note").textContent = `of ${gigabytes(told.memory_bytes)} a device`;
  $("card-rate").textContent = figures(cell.tokens / cell.step_s.value / at.devices, 3);
  $("card-rate-note").textContent = `tokens/s a device, MFU ${percent(cell.mfu)}`;
  const gauge = $("gauge");
  gauge.className = "gauge " + (cell.fits ? "fits" : "not");
  gauge.firstElementChild.style.width = (100 * Math.min(1, cell.memory.bytes.value / told.memory_bytes)).toFixed(1) + "%";
  gauge.lastElementChild.style.left = (100 * cell.memory.usable_bytes / told.memory_bytes).toFixed(1) + "%";
  $("memory-range").textContent = `${gigabytes(cell.memory.bytes.low)} to ${gigabytes(cell.memory.bytes.high)} in four cases of five; the mark is what a run may use`;
  bars($("memory"), cell.memory.items, (v) => gigabytes(v), {});
  bars($("time"), cell.parts, (v, total) => `${duration(v)} · ${percent(v / total)}`, told.words);
  $("time-range").textContent = `${duration(cell.step_s.value)} (${duration(cell.step_s.low)} to ${duration(cell.step_s.high)}) for ${many(cell.tokens)} tokens; ${figures(steps, 4)} steps`;
  $("bottleneck").textContent = cell.bottleneck;
  const better = [...cell.remedies, ...cell.relief.map((r) => `${r.change}: −${percent(r.saves)} step time`)];
  $("relief").replaceChildren(...better.map((line) => node("li", line)));
  $("layout").textContent = cell.layout;
  $("runner-up").textContent = cell.runner_up || "none: no other layout fits";
  $("rent-usd").textContent = money(cost.rent);
  $("rent-note").textContent = `${figures(cost.device_hours, 3)} device-hours`;
  $("own").textContent = money(cost.own);
  $("own-note").textContent = `${money(cost.hourly)} a device-hour of hardware, and electricity`;
  const watts = at.devices * told.watts * Number($("node_factor").value) * Number($("pue").value);
  $("energy").textContent = cost.kwh < 1e3 ? figures(cost.kwh, 3) + " kWh" : figures(cost.kwh / 1e3, 3) + " MWh";
  $("energy-note").textContent = `${money(cost.energy)}; ${watts < 1e5 ? figures(watts / 1e3, 3) + " kW" : figures(watts / 1e6, 3) + " MW"} on average`;
}

for (const id of [...sliders, ...prices]) $(id).addEventListener("input", draw);
draw();

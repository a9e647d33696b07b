"use strict";
const runs = JSON.parse(document.getElementById("runs").textContent);
const main = document.getElementById("main");
const charts = [];

// Figures for people.
const whole = n => n == null ? "–" : Math.round(n).toLocaleString("en-US");
const time = us => us == null ? "–" : us < 1000 ? `${Math.round(us)} µs` : us < 1e6 ? `${+(us / 1000).toPrecision(3)} ms` : `${+(us / 1e6).toPrecision(3)} s`;
const short = n => n == null ? "–" : n >= 1e6 ? `${+(n / 1e6).toPrecision(3)} M` : n >= 1e4 ? `${+(n / 1000).toPrecision(3)} k` : `${+n.toPrecision(3)}`;
const mebibytes = n => n == null ? "–" : `${short(n / 1048576)} MiB`;
const statusNames = {
  "0x0": "accepted", "0x1": "message length", "0x8": "system error", "0xA": "source address", "0xB": "destination address",
  "0x14": "queue full", "0x45": "submit failed", "0x58": "throttled", "0x61": "scheduled time", "0x62": "validity", "0xC1": "TLV not allowed",
  "0xC3": "TLV missing", "0xC4": "TLV value",
};
const named = status => statusNames[status] ? `${status} ${statusNames[status]}` : status;
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = index => style(`--c${index % 8 + 1}`);

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) name === "text" ? made.textContent = value : made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function table(head, rows) {
  const cell = (tag, value) => {
    const made = element(tag);
    value instanceof Node ? made.append(value) : made.textContent = value;
    return made;
  };
  const body = rows.map(row => element("tr", {}, ...row.map(value => cell("td", value))));
  const made = element("table", {}, element("thead", {}, element("tr", {}, ...head.map(name => cell("th", name)))), element("tbody", {}, ...body));
  return element("div", { class: "card scroll" }, made);
}

function section(parent, title, ...children) {
  parent.append(element("h2", { text: title }), ...children);
}

// A chart that is drawn again when the theme or the width changes. `make` gives { series, data, scales, axes, ... }.
function chart(parent, title, note, make) {
  const heading = element("h3", {}, title + " ", element("small", { text: note }));
  const place = element("div");
  parent.append(element("div", { class: "card" }, heading, place));
  charts.push({ place, make, plot: null });
}

function draw() {
  for (const each of charts) {
    if (each.place.clientWidth === 0) continue;
    each.plot?.destroy();
    const { data, series, x = {}, y = {}, logX, logY, marks = [], cursor } = each.make();
    const axis = extra => ({ stroke: style("--dim"), grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--grid"), width: 1 }, font: "11px system-ui", ...extra });
    const many = series.length > 6;
    each.plot = new uPlot({
      width: each.place.clientWidth, height: many ? 270 : 250,
      scales: { x: { time: false, ...(logX ? { distr: 3, log: 10 } : {}) }, y: logY ? { distr: 3, log: 10 } : { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [axis({ space: 70, ...x }), axis({ size: 62, ...y })],
      series: [{ label: x.name ?? "s", value: (_, v) => x.show ? x.show(v) : v == null ? "–" : `${+v.toFixed(1)} s` }, ...series.map((one, index) => ({
        width: 1.6, points: { show: data[0].length < 3 }, stroke: colour(one.colour ?? index), spanGaps: false,
        value: (_, v) => (one.show ?? short)(v), ...one.extra, label: one.label,
        ...(one.fill ? { fill: colour(one.colour ?? index) + "55" } : {}),
      }))],
      cursor: { drag: { x: true, y: false }, ...cursor },
      hooks: { drawAxes: [plot => drawMarks(plot, marks)] },
    }, data, each.place);
  }
}

// Phases: a line where each begins, and its name.
function drawMarks(plot, marks) {
  if (marks.length < 2) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = style("--dim");
  ctx.globalAlpha = 0.6;
  ctx.font = `${10 * devicePixelRatio}px system-ui`;
  ctx.setLineDash([4, 4]);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  let free = -Infinity;
  for (const { at, name } of marks) {
    const left = Math.max(plot.valToPos(at, "x", true), bbox.left);
    if (left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    if (left >= free) {
      ctx.fillText(name, left + 4, bbox.top + 11 * devicePixelRatio);
      free = left + ctx.measureText(name).width + 12;
    }
  }
  ctx.restore();
}

const column = (run, name) => run.series.map(point => point[name]);
const positive = values => values.map(value => value > 0 ? value : null);
const marksOf = run => run.phases.length > 1 ? run.phases.map(phase => ({ at: phase.from_seconds, name: phase.name })) : [];
const logTime = { logY: true, y: { values: (_, ticks) => ticks.map(tick => Number.isInteger(Math.log10(tick)) || Math.abs(Math.log10(tick) % 1) < 1e-9 ? time(tick) : "") } };
const rates = { y: { values: (_, ticks) => ticks.map(short) } };

function lines(parent, run, title, note, columns, options) {
  const shown = columns.filter(each => each.values.some(value => value > 0));
  if (shown.length === 0) return;
  chart(parent, title, note, () => ({
    data: [column(run, "seconds"), ...shown.map(each => options.logY ? positive(each.values) : each.values)],
    series: shown.map(each => ({ label: each.label, show: options.show, colour: each.colour, fill: each.fill })),
    marks: marksOf(run), ...options,
  }));
}

function tile(value, name, tone = "") {
  return element("div", { class: "tile" }, element("b", { class: tone, text: value }), element("span", { text: name }));
}

const lostOf = run => run.unknown + run.missing_receipts;
const refusedOf = run => Object.entries(run.statuses).reduce((sum, [status, count]) => status === "0x0" ? sum : sum + count, 0);

function tiles(run) {
  const made = [
    tile(`${whole(run.submit_rate)}/s`, "accepted"),
    tile(time(run.response.p50_us), "response, median"),
    tile(time(run.response.p99_us), "response, 99 %"),
    tile(time(run.response.p999_us), "response, 99.9 %"),
    tile(time(run.response.max_us), "response, longest"),
  ];
  if (run.receipt.count > 0) {
    made.splice(1, 0, tile(`${whole(run.full_trip_rate)}/s`, "full trips, with receipt"));
    made.push(tile(time(run.receipt.p99_us), "receipt, 99 %"));
  }
  made.push(tile(whole(run.accepted), "accepted in all"));
  made.push(tile(whole(lostOf(run)), "without response or receipt", lostOf(run) > 0 ? "bad" : "good"));
  made.push(tile(whole(refusedOf(run)), "refused", refusedOf(run) > 0 ? "bad" : "good"));
  return element("div", { class: "tiles" }, ...made);
}

function checks(run) {
  const made = run.checks.map(check => element("span", {
    class: check.holds ? "good" : "bad",
    text: `${check.holds ? "✓" : "✗"} ${check.name} ${+check.found.toPrecision(4)} ${check.at_least ? "≥" : "≤"} ${check.limit}`,
  }));
  return element("div", { class: "checks" }, ...made);
}

function runCharts(parent, run) {
  const grid = element("div", { class: "grid" });
  parent.append(grid);
  const of = (name, label, extra = {}) => ({ values: column(run, name), label, ...extra });
  lines(grid, run, "Rate", "messages a second", [
    of("submit_rate", "submitted", { colour: 0 }), of("accept_rate", "accepted", { colour: 1 }), of("receipt_rate", "receipts", { colour: 2 }), of("reply_rate", "replies", { colour: 4 }),
  ], rates);
  lines(grid, run, "Response latency", "of each second, logarithmic", [
    of("p50_us", "median", { colour: 1 }), of("p99_us", "99 %", { colour: 2 }), of("max_us", "longest", { colour: 3 }),
  ], { ...logTime, show: time });
  lines(grid, run, "Receipt latency", "the full trip, of each second, logarithmic", [
    of("receipt_p50_us", "median", { colour: 1 }), of("receipt_p99_us", "99 %", { colour: 2 }), of("receipt_max_us", "longest", { colour: 3 }),
  ], { ...logTime, show: time });
  lines(grid, run, "Under way", "messages", [
    of("in_flight", "without response", { colour: 0 }), of("awaiting", "without receipt", { colour: 2 }),
  ], rates);
  const statuses = [...new Set(run.series.flatMap(point => Object.keys(point.refusals)))].sort();
  lines(grid, run, "Refusals", "in each interval, by status", statuses.map(status => ({
    values: run.series.map(point => point.refusals[status] ?? 0), label: named(status),
  })), rates);
  distribution(grid, "Responses by latency", run.response_distribution);
  distribution(grid, "Receipts by latency", run.receipt_distribution);
  percentiles(grid, [run]);
  const processes = run.processes.map(process => process.name);
  const points = (name, of) => run.series.map(point => { const found = point.processes.find(each => each.name === name); return found ? of(found) : null; });
  lines(grid, run, "Processors", "kept busy", processes.map(name => ({ values: points(name, each => each.cpu), label: name })), { show: v => v == null ? "–" : v.toFixed(2) });
  lines(grid, run, "Resident memory", "of each process", processes.map(name => ({ values: points(name, each => each.resident_bytes), label: name })), {
    show: mebibytes, y: { values: (_, ticks) => ticks.map(mebibytes), incrs: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map(n => n * 1048576) },
  });
}

function distribution(parent, title, { buckets }) {
  const used = buckets.map(([, count]) => count > 0);
  const shown = buckets.slice(used.indexOf(true), used.lastIndexOf(true) + 1);
  if (!shown.length || used.indexOf(true) < 0) return;
  const sum = shown.reduce((sum, [, count]) => sum + count, 0);
  chart(parent, title, "share of all; each bar is a quarter wider than the one before", () => ({
    data: [shown.map(([value]) => Math.max(value, 1)), shown.map(([, count]) => count / sum * 100)],
    series: [{ label: "share", colour: 0, fill: true, show: v => v == null ? "–" : `${v.toFixed(2)} %`, extra: { paths: uPlot.paths.bars({ size: [0.9, 40] }), points: { show: false } } }],
    logX: true, x: { name: "at most", show: time, values: (_, ticks) => ticks.map(tick => tick == null ? "" : Math.abs(Math.log10(tick) % 1) < 1e-9 ? time(tick) : "") },
    y: { values: (_, ticks) => ticks.map(tick => `${+tick.toFixed(1)} %`) },
  }));
}

// The scale of HDR histograms: nines are evenly spaced.
function percentiles(parent, all) {
  const nines = percent => 1 / (1 - percent / 100);
  const usable = all.map(run => [run, run.response_distribution.percentiles.filter(([percent]) => percent < 100)]).filter(([, points]) => points.length);
  if (!usable.length) return;
  chart(parent, "Percentiles", "response latency below which so many lie, both logarithmic", () => {
    const tables = usable.map(([, points]) => [points.map(([percent]) => nines(percent)), points.map(([, value]) => Math.max(value, 1))]);
    return {
      data: tables.length > 1 ? uPlot.join(tables) : tables[0],
      series: usable.map(([run], index) => ({ label: all.length > 1 ? run.title : "response", show: time, colour: index, extra: { spanGaps: true, points: { show: false } } })),
      logX: true, ...logTime,
      x: {
        name: "percent", show: v => v == null ? "–" : `${+(100 - 100 / v).toPrecision(6)} %`,
        values: (_, ticks) => ticks.map(tick => Math.abs(Math.log10(tick) % 1) < 1e-9 ? `${+(100 - 100 / tick).toPrecision(6)} %` : ""),
      },
    };
  });
}

function runTables(parent, run) {
  const quantiles = (name, q) => [name, whole(q.count), time(q.mean_us), time(q.p50_us), time(q.p90_us), time(q.p99_us), time(q.p999_us), time(q.max_us)];
  section(parent, "Latency", table(["", "measured", "mean", "50 %", "90 %", "99 %", "99.9 %", "longest"],
    [quantiles("response", run.response), quantiles("response, from the send itself", run.response_from_send), quantiles("receipt", run.receipt)]));
  if (run.phases.length > 1) section(parent, "Phases", table(["phase", "from", "to", "accepted/s", "submitted", "unsent", "response 50 %", "99 %", "receipt 99 %", "refusals"],
    run.phases.map(p => [p.name + (p.measured ? "" : " (not measured)"), `${p.from_seconds.toFixed(1)} s`, `${p.to_seconds.toFixed(1)} s`, whole(p.submit_rate), whole(p.submitted), whole(p.unsent), time(p.response.p50_us), time(p.response.p99_us), time(p.receipt.p99_us), Object.entries(p.refusals).map(([s, n]) => `${s}: ${whole(n)}`).join(", ") || "none"])));
  section(parent, "Accounts", table(["account", "binds", "window", "share", "accepted/s", "submitted", "accepted", "without response", "receipts", "replies", "response 50 %", "99 %", "receipt 99 %"],
    run.accounts.map(a => [a.system_id, a.binds, a.window, a.share, whole(a.submit_rate), whole(a.submitted), whole(a.accepted), whole(a.unknown), whole(a.receipts), whole(a.replies), ...(a.response?.count ? [time(a.response.p50_us), time(a.response.p99_us)] : ["–", "–"]), a.receipt?.count ? time(a.receipt.p99_us) : "–"])));
  section(parent, "Processes", processTable(run.processes));
  const outcomes = [...Object.entries(run.statuses).map(([s, n]) => [`response ${named(s)}`, n]), ["no response", run.unknown], ["late responses", run.late], ["due and not sent", run.unsent],
    ...Object.entries(run.receipts).map(([s, n]) => [`receipt ${s}`, n]), ["missing receipts", run.missing_receipts], ["receipts twice", run.duplicate_receipts], ["receipts of unknown messages", run.unknown_receipts],
    ["replies", run.replies], ["connections lost", run.disconnects]].filter(([, count]) => count > 0);
  section(parent, "Outcomes", table(["what", "how many"], outcomes.map(([name, count]) => [name, whole(count)])));
  const words = Object.entries(run.parameters);
  const made = table(["parameter", ""], words);
  made.querySelectorAll("td:nth-child(2)").forEach(cell => cell.className = "words");
  section(parent, "Parameters", made);
}

function processTable(processes) {
  return table(["process", "µs a message", "processors", "memory at most", "in the end", "growth", "descriptors", "threads"], processes.map(p => [
    p.name + (p.gone ? " (gone)" : ""), p.cpu_us_per_message.toFixed(2), p.cpu.toFixed(2), mebibytes(p.resident_max_bytes), mebibytes(p.resident_bytes),
    `${p.resident_slope_percent_per_hour.toFixed(1)} %/h`, p.descriptors.join(" → "), p.threads.join(" → ")]));
}

function machineLine(run) {
  const { processors, model, memory_bytes, kernel } = run.machine;
  return `${run.ended} · ${processors} × ${model || "processor"} · ${short(memory_bytes / 1073741824)} GiB · ${kernel}`;
}

function compare() {
  document.title = document.getElementById("title").textContent = `${runs.length} runs side by side`;
  document.getElementById("subtitle").textContent = machineLine(runs[0]);
  const most = Math.max(...runs.map(run => run.submit_rate), 1);
  const rows = runs.map((run, index) => {
    const name = element("span", {}, element("span", { class: "swatch", style: `background: var(--c${index % 8 + 1})` }), run.title);
    const rate = element("span", {}, element("span", { class: "bar", style: `width: ${Math.round(run.submit_rate / most * 90)}px` }), whole(run.submit_rate));
    const count = n => element("span", { text: whole(n), class: n > 0 ? "bad" : "" });
    return [name, rate, run.receipt.count ? whole(run.full_trip_rate) : "–", time(run.response.p50_us), time(run.response.p99_us), time(run.response.p999_us),
      run.receipt.count ? time(run.receipt.p99_us) : "–", count(lostOf(run)), count(refusedOf(run))];
  });
  section(main, "Side by side", table(["run", "accepted/s", "full trips/s", "50 %", "99 %", "99.9 %", "receipt 99 %", "lost", "refused"], rows));
  const between = run => run.processes.filter(p => p.name !== "generator" && p.name !== "sink");
  const costs = runs.map(run => [run.title, between(run).reduce((sum, p) => sum + p.cpu_us_per_message, 0).toFixed(1), mebibytes(between(run).reduce((sum, p) => sum + p.resident_max_bytes, 0)),
    run.processes.map(p => `${p.name} ${p.cpu_us_per_message.toFixed(1)} µs, ${mebibytes(p.resident_max_bytes)}`).join(" · ")]);
  const cost = table(["run", "µs a message", "memory", "each process (the sums are without generator and sink)"], costs);
  cost.querySelectorAll("td:last-child, th:last-child").forEach(cell => cell.className = "words");
  section(main, "Processor time and memory", cost);
  const grid = element("div", { class: "grid" });
  section(main, "Over time", grid);
  const over = (title, note, name, options, show) => chart(grid, title, note, () => ({
    data: uPlot.join(runs.map(run => [column(run, "seconds").map(second => Math.round(second)), options.logY ? positive(column(run, name)) : column(run, name)].map(list => list.slice())).map(unique)),
    series: runs.map((run, index) => ({ label: run.title, colour: index, show, extra: { spanGaps: true } })), ...options,
  }));
  const far = { logY: true, y: { values: (_, ticks) => ticks.map(tick => Math.abs(Math.log10(tick) % 1) < 1e-9 ? short(tick) : "") } };
  over("Accepted", "messages a second, logarithmic", "accept_rate", far);
  over("Receipts", "a second, logarithmic", "receipt_rate", far);
  over("Response latency", "99 % of each second, logarithmic", "p99_us", logTime, time);
  percentiles(grid, runs);
  for (const run of runs) {
    const details = element("details", {}, element("summary", { text: run.title }));
    main.append(details);
    details.append(tiles(run), checks(run));
    runCharts(details, run);
    runTables(details, run);
    details.addEventListener("toggle", draw);
  }
}

// Joined charts need each second once.
function unique([seconds, values]) {
  const last = new Map(seconds.map((second, index) => [second, values[index]]));
  return [[...last.keys()], [...last.values()]];
}

function single(run) {
  document.title = document.getElementById("title").textContent = run.title;
  document.getElementById("subtitle").textContent = machineLine(run);
  main.append(checks(run), tiles(run));
  runCharts(main, run);
  runTables(main, run);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = on => { document.documentElement.classList.toggle("dark", on); draw(); };
runs.length === 1 ? single(runs[0]) : compare();
theme(dark.matches);
dark.addEventListener("change", () => theme(dark.matches));
document.getElementById("theme").addEventListener("click", () => theme(!document.documentElement.classList.contains("dark")));
let waiting;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });

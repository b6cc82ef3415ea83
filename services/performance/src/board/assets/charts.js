// Draws what stands in the data beside each canvas. The same figures stand in a table, for whoever does not see it.
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function datasets(data) {
  return data.series.map((series, place) => {
    const own = colour(data.series.length > 1 ? `--series-${place + 1}` : "--accent");
    return {
      label: series.name,
      data: series.values,
      backgroundColor: own,
      borderColor: own,
      borderWidth: data.kind === "line" ? 2 : 0,
      borderRadius: 3,
      pointRadius: 3,
      spanGaps: true,
    };
  });
}

function options(data) {
  const [ink, line] = [colour("--soft"), colour("--line")];
  const percent = data.unit === "%";
  return {
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    plugins: {
      legend: { display: data.series.length > 1, labels: { color: ink, boxWidth: 12, boxHeight: 12 } },
      tooltip: { callbacks: { label: (item) => `${item.dataset.label} ${item.formattedValue}${percent ? "%" : " 次"}` } },
    },
    scales: {
      x: { ticks: { color: ink, maxRotation: 60 }, grid: { display: false }, border: { color: line } },
      y: {
        beginAtZero: true,
        max: percent ? 100 : undefined,
        ticks: { color: ink, precision: 0, callback: (value) => (percent ? `${value}%` : value) },
        grid: { color: line },
        border: { display: false },
      },
    },
    onClick: (_event, items) => {
      if (items.length > 0) location.href = data.links[items[0].index];
    },
    onHover: (event, items) => {
      event.native.target.style.cursor = items.length > 0 ? "pointer" : "default";
    },
  };
}

function draw(canvas) {
  const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
  const box = canvas.parentElement;
  box.hidden = false;
  const details = box.parentElement.querySelector("details");
  if (details) details.open = false;
  drawn.push(new Chart(canvas, { type: data.kind, data: { labels: data.labels, datasets: datasets(data) }, options: options(data) }));
}

function redraw() {
  while (drawn.length > 0) drawn.pop().destroy();
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) draw(canvas);
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
redraw();
dark.addEventListener("change", redraw);
addEventListener("beforeprint", () => drawn.forEach((chart) => chart.resize()));

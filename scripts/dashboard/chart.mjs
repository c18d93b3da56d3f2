import { escaped, formatted } from './format.mjs'

// Grafana's classic palette.
const palette = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff780a',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#705da0',
  '#37872d',
  '#fade2a',
]
const pad = { left: 52, right: 12, top: 10, bottom: 20 }
const legendLinePx = 15

/** Lines over time as SVG, with axes and a legend. `series`: `{ name, points: [[timeMs, value]] }`. */
export function chart(series, { fromMs, toMs, stepMs, unit, isStacked, width, height }) {
  const legend = legendOf(series, width)
  const plot = { width: width - pad.left - pad.right, height: height - pad.top - pad.bottom - legend.height }
  const lines = isStacked ? stacked(series, { fromMs, toMs, stepMs }) : series
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite)
  const greatest = Math.max(...values, 0) || 1
  // Minutes are round in minutes.
  const scale = unit === 's' && greatest >= 90 ? 60 : 1
  const ticks = ticksUpTo(greatest / scale).map(each => each * scale)
  const top = ticks.at(-1)
  const x = time => pad.left + ((time - fromMs) / (toMs - fromMs)) * plot.width
  const y = value => pad.top + (1 - value / top) * plot.height
  const parts = []
  for (const tick of ticks) {
    parts.push(`<path d="M${pad.left} ${y(tick)}H${width - pad.right}" stroke="#2a2d34"/>`)
    parts.push(
      `<text x="${pad.left - 6}" y="${y(tick) + 4}" text-anchor="end">${formatted(tick, unit)}</text>`,
    )
  }
  for (const time of timesBetween(fromMs, toMs))
    parts.push(
      `<text x="${x(time)}" y="${pad.top + plot.height + 14}" text-anchor="middle">${new Date(time).toISOString().slice(11, 16)}</text>`,
    )
  for (const [index, { points }] of lines.entries()) {
    const colour = palette[index % palette.length]
    for (const run of runsOf(points, 2.5 * stepMs)) {
      const path = run.map(([time, value]) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join('L')
      const floor = `L${x(run.at(-1)[0]).toFixed(1)} ${y(0)}L${x(run[0][0]).toFixed(1)} ${y(0)}Z`
      parts.unshift(`<path d="M${path}${floor}" fill="${colour}" fill-opacity="${isStacked ? 0.25 : 0.08}"/>`)
      // What is stacked upon it shines not through.
      if (isStacked) parts.unshift(`<path d="M${path}${floor}" fill="#181b1f"/>`)
      parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="1.4"/>`)
    }
  }
  for (const { name, index, left, line } of legend.entries) {
    const at = pad.top + plot.height + pad.bottom + 12 + line * legendLinePx
    parts.push(
      `<path d="M${left} ${at - 4}h12" stroke="${palette[index % palette.length]}" stroke-width="3"/>`,
    )
    parts.push(`<text x="${left + 17}" y="${at}">${escaped(name)}</text>`)
  }
  if (series.length === 0)
    parts.push(`<text x="${width / 2}" y="${height / 2}" text-anchor="middle">No data</text>`)
  return `<svg width="${width}" height="${height}">${parts.join('')}</svg>`
}

/** Each line upon those before it. */
function stacked(series, { fromMs, toMs, stepMs }) {
  const sums = new Map()
  return series.map(({ name, points }) => {
    const values = new Map(points.map(([time, value]) => [Math.round((time - fromMs) / stepMs), value]))
    const summed = []
    for (let step = 0; step <= (toMs - fromMs) / stepMs; step++) {
      const sum = (sums.get(step) ?? 0) + (values.get(step) || 0)
      sums.set(step, sum)
      if (values.has(step)) summed.push([fromMs + step * stepMs, sum])
    }
    return { name, points: summed }
  })
}

/** The parts of a line without a gap. */
function runsOf(points, gapMs) {
  const runs = []
  let last
  for (const point of points.filter(([, value]) => Number.isFinite(value))) {
    if (last === undefined || point[0] - last[0] > gapMs) runs.push([])
    runs.at(-1).push(point)
    last = point
  }
  return runs
}

/** Round numbers from 0 to what is at least the greatest. */
function ticksUpTo(greatest) {
  const rough = greatest / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map(each => each * power).find(each => each >= rough)
  return Array.from({ length: Math.ceil(greatest / step - 1e-9) + 1 }, (_, index) => index * step)
}

function timesBetween(fromMs, toMs) {
  const minutes = []
  for (let time = Math.ceil(fromMs / 60_000) * 60_000; time <= toMs; time += 60_000) minutes.push(time)
  return minutes
}

/** The legend in lines; widths are those of most letters. */
function legendOf(series, width) {
  let left = 10
  let line = 0
  const entries = series.map(({ name }, index) => {
    const needed = 32 + name.length * 6.1
    if (left > 10 && left + needed > width) {
      left = 10
      line += 1
    }
    const entry = { name, index, left, line }
    left += needed
    return entry
  })
  return { entries, height: (line + 1) * legendLinePx + 4 }
}

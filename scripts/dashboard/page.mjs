import { chart } from './chart.mjs'
import { escaped, formatted } from './format.mjs'

const rowPx = 34
const gapPx = 8
const titlePx = 28

/** The page of a dashboard, with what Prometheus has for its panels in a range of time, and its height in pixels. */
export async function dashboardPage(dashboard, prometheus, { fromMs, toMs, width }) {
  const columnPx = (width - gapPx) / 24
  const boxes = []
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos
    const box = {
      left: gapPx + x * columnPx,
      top: gapPx + titlePx + y * rowPx,
      width: w * columnPx - gapPx,
      height: h * rowPx - gapPx,
    }
    const content =
      panel.type === 'row'
        ? `<h2>▾ ${escaped(panel.title)}</h2>`
        : await panelOf(panel, box, prometheus, { fromMs, toMs })
    const style = Object.entries(box).map(([name, px]) => `${name}:${px}px`)
    boxes.push(`<section class="${panel.type}" style="${style.join(';')}">${content}</section>`)
  }
  const height =
    Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h)) * rowPx + titlePx + 2 * gapPx
  const html = `<!doctype html><meta charset="utf-8"><title>${escaped(dashboard.title)}</title><style>${style}</style>
<h1>${escaped(dashboard.title)}</h1>${boxes.join('\n')}`
  return { html, height }
}

async function panelOf(panel, box, prometheus, { fromMs, toMs }) {
  const { unit, decimals, thresholds } = panel.fieldConfig.defaults
  const title = `<h3>${escaped(panel.title)}</h3>`
  const range = { fromMs, toMs, stepMs: 2_000 }
  if (panel.type === 'stat') {
    const [{ value = 0 } = {}] = await prometheus.query(withVariables(panel.targets[0].expr, range))
    const shown = Number.isFinite(value) ? value : 0
    const step = thresholds.steps.findLast(each => each.value === null || shown >= each.value)
    return `${title}<p style="color:${colours[step.color]}">${formatted(shown, unit, decimals)}</p>`
  }
  const series = []
  for (const { expr, legendFormat } of panel.targets) {
    const path = `query_range?query=${encodeURIComponent(withVariables(expr, range))}&start=${fromMs / 1_000}&end=${toMs / 1_000}&step=${range.stepMs / 1_000}`
    for (const { metric, values } of (await prometheus.get(path)).result) {
      const name = legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '')
      series.push({ name, points: values.map(([time, value]) => [time * 1_000, Number(value)]) })
    }
  }
  const isStacked = panel.fieldConfig.defaults.custom.stacking.mode === 'normal'
  return title + chart(series, { ...range, unit, isStacked, width: box.width, height: box.height - 30 })
}

/** What Grafana would put for the variables of the dashboard. */
function withVariables(expression, { fromMs, toMs }) {
  const values = {
    __rate_interval: '15s',
    __range: `${Math.round((toMs - fromMs) / 1_000)}s`,
    job: '.*',
    bus: '.*',
  }
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value),
    expression,
  )
}

const colours = { green: '#73bf69', orange: '#ff9830', red: '#f2495c' }

const style = `
body { margin: 0; background: #111217; color: #ccccdc; font: 12px "DejaVu Sans", sans-serif }
h1 { position: absolute; margin: 0; left: 10px; top: 9px; font-size: 17px; font-weight: normal }
section { position: absolute; box-sizing: border-box; background: #181b1f; border: 1px solid #25272e; border-radius: 2px; overflow: hidden }
section.row { background: none; border: 0 }
h2 { margin: 4px 2px; font-size: 15px; font-weight: normal }
h3 { margin: 7px 8px 0; font-size: 12.5px; font-weight: bold; white-space: nowrap }
section.stat p { margin: 18px 0 0; text-align: center; font-size: 34px }
svg { display: block } svg text { fill: #9a9ba6; font: 10.5px "DejaVu Sans", sans-serif }
`

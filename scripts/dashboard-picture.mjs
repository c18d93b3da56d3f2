// `pnpm dashboard-picture`: draws docs/images/dashboard.png from monitoring/grafana-dashboard.json and a real Prometheus. Services on a
// real Kafka run for some minutes; a consumer hangs for a while, and another is killed. No Grafana is involved: Chromium draws.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { monitoredService } from '../examples/dist-test/support/monitored-services.js'
import { prometheusClient } from '../examples/dist-test/support/prometheus-client.js'
import { freePorts, startKafka, startPrometheus } from '../packages/testkit/dist/index.js'
import { runCommand } from '../packages/testkit/dist/run-command.js'
import { dashboardPage } from './dashboard/page.mjs'

const root = join(import.meta.dirname, '..')
const phaseMs = Number(process.argv[2] ?? 50) * 1_000
const width = 1_600

const [shopPort, onePort, anotherPort] = await freePorts(3)
const kafka = await startKafka()
const targets = [shopPort, onePort, anotherPort].map(port => `127.0.0.1:${port}`)
const prometheus = await startPrometheus({ targets })
const services = []
try {
  const options = { brokers: kafka.brokers, prefix: '', perSecond: 40 }
  const start = async (role, port) => {
    services.push(await monitoredService({ ...options, role, port }))
    return services.at(-1)
  }
  const startMs = Date.now()
  const one = await start('mailer', onePort)
  const another = await start('mailer', anotherPort)
  await start('shop', shopPort)
  await sleep(1.5 * phaseMs)
  one.tell('hang')
  // Longer than health tolerates.
  await sleep(1.6 * phaseMs)
  one.tell('go on')
  await sleep(phaseMs)
  await another.kill()
  await sleep(phaseMs)
  await draw({ fromMs: startMs + phaseMs / 2, toMs: Date.now() })
} finally {
  await Promise.all(services.map(service => service.kill()))
  await prometheus.stop()
  await kafka.stop()
}

async function draw(range) {
  const dashboard = JSON.parse(await readFile(join(root, 'monitoring/grafana-dashboard.json'), 'utf8'))
  const { html, height } = await dashboardPage(dashboard, prometheusClient(prometheus.url), {
    ...range,
    width,
  })
  const folder = await mkdtemp(join(tmpdir(), 'busbar-picture-'))
  try {
    const page = join(folder, 'dashboard.html')
    const picture = join(root, 'docs/images/dashboard.png')
    await mkdir(join(root, 'docs/images'), { recursive: true })
    await writeFile(page, html)
    const { code, output } = await runCommand('chromium', [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...[`--user-data-dir=${join(folder, 'profile')}`, `--window-size=${width},${height}`],
      ...[`--screenshot=${picture}`, `file://${page}`],
    ])
    if (code !== 0) throw new Error(`chromium: ${output}`)
    console.log(`drawn: ${picture}, ${width} × ${height}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

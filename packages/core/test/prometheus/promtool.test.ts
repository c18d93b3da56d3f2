import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BusbarError, defineRequest, filter, retry } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { promtoolForTests } from '@busbar/testkit'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../support/assertions.js'
import { Thing, until, world } from '../support/failure-world.js'

const test = suite('metrics and rules, as promtool sees them')
const promtool = await promtoolForTests()
const Ask = defineRequest<Thing, string>('ask')
const monitoring = join(import.meta.dirname, '../../../../monitoring')

if (promtool !== undefined) {
  test('promtool has nothing to say of the metrics of a bus that did everything', async () => {
    const { code, output } = await promtool(['check', 'metrics'], (await everything()).text)
    assert.is(output, '')
    assert.is(code, 0)
  })

  test('the rules are valid, and alert when they should and only then', async () => {
    const checked = await promtool(['check', 'rules', 'monitoring/prometheus-rules.yaml'])
    assert.is(checked.code, 0, checked.output)
    const tested = await promtool(['test', 'rules', 'monitoring/prometheus-rules.test.yaml'])
    assert.is(tested.code, 0, tested.output)
  })
}

test('rules, their tests and the dashboard name no metric and no label that is not there', async () => {
  const known = new Map(
    (await everything()).metrics.map(({ name, values }) => [
      name,
      new Set(values.flatMap(({ labels }) => Object.keys(labels))),
    ]),
  )
  for (const file of ['prometheus-rules.yaml', 'prometheus-rules.test.yaml', 'grafana-dashboard.json']) {
    const text = (await readFile(join(monitoring, file), 'utf8')).replaceAll('\\"', '"')
    for (const [, metric = '', selector = ''] of text.matchAll(/(?<![:\w])(busbar_\w+)(?:\{([^}]*)\})?/g)) {
      const labels = known.get(metric) ?? known.get(metric.replace(/_(bucket|count|sum)$/, ''))
      assert.ok(labels, `${file}: ${metric}`)
      for (const [, label = ''] of selector.matchAll(/(\w+)=/g))
        assert.ok(
          ['job', 'instance', ...(labels ?? [])].includes(label),
          `${file}: ${metric}, label ${label}`,
        )
    }
  }
})

test('every metric is in the table of the documentation, with its type and labels, and in the dashboard', async () => {
  const page = await readFile(join(monitoring, '../docs/monitoring.md'), 'utf8')
  const dashboard = await readFile(join(monitoring, 'grafana-dashboard.json'), 'utf8')
  for (const { name, type, values } of (await everything()).metrics) {
    assert.ok(dashboard.includes(name), `${name} is in no panel`)
    const labels = [...new Set(values.flatMap(each => Object.keys(each.labels)))].filter(
      label => label !== 'le' && label !== 'bus',
    )
    const [row] = page.split('\n').filter(line => line.startsWith(`| \`${name}\` |`))
    assert.ok(row, `${name} has no row`)
    assert.ok(row?.includes(`| ${String(type)} |`), `${name} is a ${String(type)}: ${row}`)
    for (const label of labels) assert.ok(row?.includes(`\`${label}\``), `${name} has ${label}: ${row}`)
  }
})

/** What a register shows of a bus of which every metric has counted something. */
async function everything() {
  await using w = world({ partitions: 2 })
  const register = new Registry()
  const { bus, reports } = w.service()
  bus.use(metrics(register))
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 1 })] }, () => {
    throw new Error('no')
  })
  bus.subscribe(Thing, { name: 'skips', use: [filter(() => false)] }, () => {})
  bus.reply(Ask, () => 'yes')
  await bus.start()
  await bus.publish(Thing, { id: 'a "quoted"\nname' })
  await w.advanceUntil(() => reports.length === 2, 'the ends')
  await bus.request(Ask, { id: 'a' })
  await rejects(bus.publish(Thing, { id: 'a' }, { id: '' }), 'HEADER_INVALID')
  await until(() => reports.length === 3, 'the reply')
  assert.instance(reports.find(({ outcome }) => outcome === 'dead-lettered')?.error, Error)
  assert.not.instance(reports[0]?.error, BusbarError)
  return { text: await register.metrics(), metrics: await register.getMetricsAsJSON() }
}

test.run()

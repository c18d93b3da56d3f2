import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Bus,
  type Codec,
  createBus,
  defineEvent,
  type EventDefinition,
  silentLogger,
} from '@busbar/core'
import { deadline, kafkaForTests, registryForTests, startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'

const test = suite('the same program on the Kafka module of Nest and on Busbar')

type Form = 'nest' | 'busbar'

interface Run {
  readonly ok: boolean
  readonly lines: string[]
  readonly stderr: string
}

const folder = join(import.meta.dirname, '..')
const source = join(folder, 'src/decorators/nestjs')
const programs = (await readdir(source)).sort()
const pathOf = (program: string, form: Form) => join(folder, 'dist/decorators/nestjs', program, `${form}.js`)

/** A value that no handler of the program can take, before those that it publishes. */
const failing: Readonly<Record<string, EventDefinition<unknown>>> = {
  'consumer-controller': defineEvent('order.placed', { schema: bytes('{"customer":"eve"}') }),
  'stream-processor': defineEvent('reading', { schema: bytes('{"sensor":"eve","celsius":"300"}') }),
  'schema-registry': defineEvent('parcel.sent', { schema: bytes('\0\0\0\0\x63eve') }), // a schema id that nobody has
}

/** Nest forms that may need another try: a request gets no reply where a group of theirs rebalances meanwhile. */
const losesReplies: ReadonlySet<string> = new Set(['request-response'])

const kafka = await kafkaForTests()
const registry = await registryForTests()

if (kafka !== undefined && registry !== undefined) {
  // One for each form, since both have the same topics and groups; and never the one that KAFKA_BROKERS names.
  const [nestKafka, busbarKafka] = await Promise.all([
    startKafka({ heapMb: 128 }),
    startKafka({ heapMb: 128 }),
  ])
  const brokersOf = { nest: nestKafka.brokers, busbar: busbarKafka.brokers }
  // They make the topics where it counts that what fails and what comes after are in one partition.
  const publishers = await Promise.all(Object.values(brokersOf).map(startPublisher))
  test.after(async () => {
    for (const bus of publishers) await bus.close()
    await Promise.all([nestKafka.stop(), busbarKafka.stop()])
  })
  const envOf = (form: Form) => ({
    ...process.env,
    KAFKA_BROKERS: brokersOf[form].join(','),
    SCHEMA_REGISTRY_URL: registry.url,
  })

  const run = (program: string, form: Form): Promise<Run> =>
    new Promise(resolve => {
      const options = { env: envOf(form), timeout: 60_000 }
      execFile(process.execPath, [pathOf(program, form)], options, (error, stdout, stderr) => {
        resolve({ ok: error === null, lines: sortedLines(stdout), stderr })
      })
    })

  const runNest = async (program: string): Promise<Run> => {
    for (let tries = 1; ; tries++) {
      const result = await run(program, 'nest')
      if (result.ok || !losesReplies.has(program) || tries === 3) return result
    }
  }

  // All at once: they spend their time waiting, for a group to form and for a last fetch to end.
  const nestRuns = new Map(programs.map(program => [program, runNest(program)]))

  for (const program of programs) {
    test(`${program}: both print the same`, async () => {
      const lines = await expectedOf(program)
      // Busbar has nothing to say; kafkajs logs errors on the way, as a coordinator that is not there yet.
      assert.deepEqual(await run(program, 'busbar'), { ok: true, lines, stderr: '' })
      const nest = await nestRuns.get(program)
      assert.deepEqual({ ...nest, stderr: '' }, { ok: true, lines, stderr: '' }, nest?.stderr)
    })
  }

  test('a message that always fails: the Nest form stands still, the Busbar form goes on', async () => {
    for (const bus of publishers)
      for (const event of Object.values(failing)) await bus.publish(event, {}, { key: 'eve' })
    await Promise.all(
      Object.keys(failing).map(async program => {
        const [printed, busbar] = await Promise.all([untilCrash(program), run(program, 'busbar')])
        assert.equal(printed, '', program)
        assert.deepEqual(busbar.lines, await expectedOf(program))
      }),
    )
  })

  /** What the Nest form of a program has printed when kafkajs has given its consumer up after all attempts. */
  const untilCrash = async (program: string): Promise<string> => {
    const child = spawn(process.execPath, [pathOf(program, 'nest')], { env: envOf('nest') })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => (stdout += chunk))
    const crashed = new Promise<void>((resolve, reject) => {
      child.stderr.on('data', chunk => {
        stderr += chunk
        if (stderr.includes('[Consumer] Crash: ')) resolve()
      })
      child.once('exit', () => reject(new Error(`${program} ended by itself, having printed ${stdout}`)))
    })
    try {
      await deadline(60_000, `the crash of ${program}`, crashed)
      return stdout
    } finally {
      child.kill('SIGKILL')
    }
  }
}

test('the documentation tells how many lines each has', async () => {
  const page = await readFile(join(folder, '../docs/nestjs.md'), 'utf8')
  for (const program of programs) {
    const [nest, busbar] = await Promise.all([codeLines(program, 'nest'), codeLines(program, 'busbar')])
    const link = `[${program}](../examples/src/decorators/nestjs/${program})`
    assert.ok(page.includes(`| ${link} | ${nest} | ${busbar} |`), `${program}: ${nest} and ${busbar} lines`)
  }
})

async function codeLines(program: string, form: Form): Promise<number> {
  const text = await readFile(join(source, program, `${form}.ts`), 'utf8')
  return text.split('\n').filter(line => line.trim() !== '' && !/^\s*(\/\/|\/?\*)/.test(line)).length
}

async function expectedOf(program: string): Promise<string[]> {
  const path = join(folder, 'expected', `decorators.nestjs.${program}.busbar.txt`)
  return sortedLines(await readFile(path, 'utf8'))
}

function sortedLines(text: string): string[] {
  return text.trim().split('\n').sort()
}

/** A codec that writes these bytes, whatever the payload. */
function bytes(text: string): Codec<unknown> {
  return { contentType: 'application/json', encode: () => Buffer.from(text), decode: () => undefined }
}

async function startPublisher(brokers: readonly string[]): Promise<Bus> {
  const transport = kafkaTransport({ brokers, topics: { partitions: 1 } })
  const publishes = Object.values(failing)
  const bus = createBus({ name: 'failing', transport, logger: silentLogger, publishes })
  await bus.start()
  return bus
}

test.run()

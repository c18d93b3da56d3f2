import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import {
  DeadlineExceeded,
  eventually,
  JavaAvroError,
  javaAvro,
  ServerUnavailable,
  startJavaAvro,
} from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LineProcess } from '../dist/java-avro/line-process.js'

const test = suite('javaAvro')
const java = await javaAvro()

const user = (...fields: object[]) => ({ type: 'record', name: 'User', fields })
const id = { name: 'id', type: 'long' }

async function reasonOf(work: Promise<unknown>): Promise<Error> {
  return (await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )) as Error
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

if (java !== undefined) {
  test('says what is compatible, and what is not', async () => {
    assert.equal(await java.compatible({ reader: 'long', writer: 'int' }), {
      compatible: true,
      incompatibilities: [],
    })
    const verdict = await java.compatible({ reader: user(id), writer: user() })
    assert.equal(verdict, {
      compatible: false,
      incompatibilities: [
        { type: 'READER_FIELD_MISSING_DEFAULT_VALUE', location: '/fields/0', message: 'id' },
      ],
    })
  })

  test('encodes, and decodes with another schema; longs stay exact', async () => {
    const bytes = await java.encode(user(id), '{"id":9007199254740993}')
    assert.is(Buffer.from(bytes).toString('hex'), '8280808080808020')
    const reader = user({ name: 'name', type: 'string', default: 'é😀' }, id)
    assert.equal(await java.resolve({ writer: user(id), reader, bytes }), {
      json: '{"name":"é\\uD83D\\uDE00","id":9007199254740993}',
      atEnd: true,
    })
    const longer = Buffer.concat([bytes, bytes])
    assert.is((await java.resolve({ writer: user(id), reader, bytes: longer })).atEnd, false)
  })

  test('gives the canonical form and the fingerprints', async () => {
    // The value of Avro's own table of fingerprints.
    const { form, fingerprints } = await java.canonical({ type: 'int', doc: 'left out' })
    assert.is(form, '"int"')
    assert.is(fingerprints['SHA-256'], '3f2b87a9fe7cc9b13835598c3981cd45e3e355309e5090aa0933d7becb6fba45')
    const address = { type: 'record', name: 'a.Address', fields: [] }
    const person = { type: 'record', name: 'a.Person', fields: [{ name: 'home', type: 'Address' }] }
    assert.match((await java.canonical(person, [address])).form, /"type":\{"name":"a.Address"/)
  })

  test('what Java throws is an error with its class', async () => {
    const reasons = await Promise.all([
      reasonOf(java.canonical({ type: 'record', name: 'A', fields: [{ name: 'b', type: 'Missing' }] })),
      reasonOf(java.resolve({ writer: 'string', reader: 'string', bytes: Uint8Array.of(100) })),
      reasonOf(java.encode('int', '"text"')),
    ])
    for (const reason of reasons) assert.instance(reason, JavaAvroError)
    assert.is((reasons[1] as JavaAvroError).javaClass, 'java.io.EOFException')
  })

  test('answers to questions asked at once are not mixed up', async () => {
    const sizes = Array.from({ length: 200 }, (_, index) => index)
    const forms = await Promise.all(sizes.map(size => java.canonical({ type: 'fixed', name: 'F', size })))
    assert.equal(
      forms.map(({ form }) => (JSON.parse(form) as { size: number }).size),
      sizes,
    )
  })

  test('it is gone once disposed of', async () => {
    const own = await startJavaAvro()
    const { pid } = own
    await own[Symbol.asyncDispose]()
    assert.not.ok(isAlive(pid as number))
    assert.match((await reasonOf(own.canonical('int'))).message, /^the Java process is gone: /)
    await own[Symbol.asyncDispose]()
  })

  test('it does not outlive its process, even when that is killed', async () => {
    const program = join(import.meta.dirname, 'fixtures/start-java-avro-and-wait.js')
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const pid = Number(String(line))
    assert.ok(isAlive(pid))
    child.kill('SIGKILL')
    await once(child, 'close')
    await eventually(() => assert.not.ok(isAlive(pid)))
  })
}

test('says why there is none', async () => {
  const { PATH, JAVA_HOME } = process.env
  process.env['PATH'] = '/nonexistent'
  delete process.env['JAVA_HOME']
  try {
    const reason = await reasonOf(startJavaAvro())
    assert.instance(reason, ServerUnavailable)
    assert.match(reason.message, /^No Avro for Java for the tests: no Java 17\+\. Install a JDK/)
  } finally {
    process.env['PATH'] = PATH
    if (JAVA_HOME !== undefined) process.env['JAVA_HOME'] = JAVA_HOME
  }
})

test('a process that does not answer in time is ended, and every question with it', async () => {
  await using silent = new LineProcess('the silent process', 'sleep', ['60'])
  const first = reasonOf(silent.ask('a', 100))
  const second = reasonOf(silent.ask('b', 5_000))
  assert.instance(await first, DeadlineExceeded)
  assert.match((await second).message, /^the silent process is gone: /)
})

test('the time that other questions take does not count', async () => {
  const slowly = 'while read -r line; do sleep 0.1; echo "$line"; done'
  await using slow = new LineProcess('the slow process', 'sh', ['-c', slowly])
  const lines = Array.from({ length: 10 }, (_, index) => String(index))
  assert.equal(await Promise.all(lines.map(line => slow.ask(line, 500))), lines)
})

test('a command that does not exist is said so', async () => {
  await using missing = new LineProcess('the missing process', '/nonexistent/java', [])
  assert.match((await reasonOf(missing.ask('a', 5_000))).message, /the missing process is gone: .*ENOENT/)
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compile, header } from './support/compile.js'

const test = suite('faults in Avro schema literals')

/** A call with a fault, the place where the compiler must mark it in «», and what it must say. */
const faults: readonly (readonly [call: string, says: RegExp])[] = [
  [`avro(«'strng'»)`, /"string"/],
  [`avro(['null', «'strng'»])`, /Did you mean '"string"'/],
  [`avro({ «type»: 'arr', items: 'int' })`, /"record" .*"array"|"array" .*"record"/],
  [`avro({ type: 'array', «itms»: 'int' })`, /Did you mean to write 'items'/],
  [`avro({ type: 'array', «items»: 'flot' })`, /Did you mean '"float"'/],
  [
    `avro({ type: 'record', name: 'X', «aliases»: 'Y', fields: [] })`,
    /not assignable to type 'readonly string\[\]'/,
  ],
  [`avro(«{» type: 'map' })`, /Property 'values' is missing/],
  [`avro({ type: 'enum', name: 'E', «symbls»: ['A'] })`, /Did you mean to write 'symbols'/],
  [`avro({ type: 'enum', name: 'E', «symbols»: 'A' })`, /not assignable to type 'readonly string\[\]'/],
  [`avro({ type: 'fixed', name: 'F', «size»: '3' })`, /'string' is not assignable to type 'number'/],
  [`avro({ type: 'record', name: 'X', «filds»: [] })`, /Did you mean to write 'fields'/],
  [`avro({ type: 'record', «nam»: 'X', fields: [] })`, /Did you mean to write 'name'/],
  [record(`{ «nam»: 'a', type: 'int' }`), /Did you mean to write 'name'/],
  [record(`«{» name: 'a' }`), /Property 'type' is missing/],
  [record(`{ name: 'a', «type»: 5 }`), /not assignable to type 'AvroSchema'/],
  [record(`{ name: 'a', «type»: 'strng' }`), /Did you mean '"string"'/],
  [record(`{ name: 'a', «type»: 'Nobody' }`), /"Outer" .*"string"/],
  [record(`{ name: 'a', «type»: 'other.Outer' }`), /"Outer"/],
  [record(`{ name: 'a', type: 'array', «itms»: 'int' }`), /Did you mean to write 'items'/],
  [record(`{ name: 'a', type: ['null', «'lon'»] }`), /Did you mean '"long"'/],
  [record(`{ name: 'a', type: { type: 'array', «itms»: 'int' } }`), /Did you mean to write 'items'/],
  [
    record(
      `{ name: 'a', type: { type: 'array', items: { type: 'record', name: 'In', fields: [{ name: 'b', «type»: 'Inn' }] } } }`,
    ),
    /"In" .*"Outer"/,
  ],
  [`avro('string', { «lng»: 'bigint' })`, /Did you mean to write 'long'/],
]

/** In a record whose other parts are fine, among them an attribute that Avro does not know. */
function record(field: string): string {
  return `avro({ type: 'record', name: 'ns.Outer', fields: [{ name: 'self', type: 'Outer' }, { name: 'x', type: 'int', 'my.own': 1 }, ${field}] })`
}

test('each is marked where it is, with what is meant', async () => {
  const lines = faults.map(([call]) => call)
  const { output } = await compile(header + lines.map(line => line.replace(/[«»]/g, '')).join('\n'))
  const first = header.split('\n').length
  const reported = [...output.matchAll(/source\.ts\((\d+),(\d+)\): error (.*)/g)]
  for (const [index, [call, says]] of faults.entries()) {
    const ofLine = reported.filter(([, line]) => Number(line) === first + index)
    assert.is(ofLine.length, 1, `one error for ${call}:\n${output}`)
    assert.is(Number(ofLine[0]?.[2]), call.indexOf('«') + 1, `the place in ${call}: ${ofLine[0]?.[0]}`)
    assert.match(ofLine[0]?.[3] ?? '', says)
  }
  assert.is(reported.length, faults.length, output)
})

test('what is valid is not refused for what is unusual', async () => {
  const { ok, output } = await compile(`${header}
avro({ type: 'string', 'avro.java.string': 'String' })
avro({ type: 'record', name: 'X', 'connect.version': 1, fields: [{ name: 'a', type: { type: 'X' }, order: 'ignore', sqlType: 7 }] })
avro({ type: 'enum', name: 'a.b.E', symbols: ['A'], default: 'A', aliases: ['F'] })
avro([])
avro({ type: { type: { type: 'int' } } })
const Parsed = defineEvent('parsed', { schema: avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: JSON.parse('1') }] }) })
bus.subscribe(Parsed, ({ a }) => {
  // @ts-expect-error unknown, and not any
  a.b
})
avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: loaded }, { name: 'b', type: ['null', loaded] }] })
const parsed = avro(JSON.parse('{}') as AvroSchema)
avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: parsed }, { name: 'b', type: 'NamedInside' }] })
`)
  assert.ok(ok, output)
})

test.run()

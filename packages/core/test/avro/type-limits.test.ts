import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compile, header } from './support/compile.js'

const test = suite('schemas that are large or deep')

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index)
const fields = (count: number, type: (n: number) => string): string =>
  numbers(count)
    .map(n => `{ name: 'f${n}', type: ${type(n)} }`)
    .join(', ')

/** Each a schema, and what a handler does with its payload: what is right and what the compiler must refuse, in ‹right|wrong›. */
const cases: Readonly<Record<string, { readonly schema: string; readonly handler: string }>> = {
  'a record of 100 fields': {
    schema: `{ type: 'record', name: 'Wide', fields: [${fields(100, n => (n % 2 ? `['null', 'string']` : `'int'`))}] }`,
    handler: 'wide => void [wide.f98.‹toFixed|toFxed›(), wide.f99?.length]',
  },
  'records in 30 levels': {
    schema: numbers(30).reduceRight(
      (inner, n) => `{ type: 'record', name: 'L${n}', fields: [{ name: 'down', type: ${inner} }] }`,
      `'int'`,
    ),
    handler: `deep => void deep${'.down'.repeat(30)}.‹toFixed|toFxed›()`,
  },
  'arrays in 12 levels': {
    schema: numbers(12).reduceRight(inner => `{ type: 'array', items: ${inner} }`, `'int'`),
    handler: `deep => void deep${'[0]?.'.repeat(12)}‹toFixed|toFxed›()`,
  },
  'a wrapped union of 30 records': {
    schema: `[${numbers(30)
      .map(n => `{ type: 'record', name: 'B${n}', fields: [{ name: 'v${n}', type: 'int' }] }`)
      .join(', ')}]`,
    handler: `choice => void ('B29' in choice ? choice.B29.v29.‹toFixed|toFxed›() : choice)`,
  },
  'a plain union of 30 enums': {
    schema: `['null', ${numbers(30)
      .map(n => `{ type: 'enum', name: 'E${n}', symbols: ['S${n}'] }`)
      .join(', ')}]`,
    handler: `symbol => void ((one: '‹S0|S1›') => one)(symbol === 'S0' ? symbol : 'S0')`,
  },
  'an enum of 300 symbols': {
    schema: `{ type: 'enum', name: 'E', symbols: [${numbers(300).map(n => `'S${n}'`)}] }`,
    handler: `symbol => void (symbol === 'S‹299|300›')`,
  },
  '50 references in a chain, and a name in a deep namespace': {
    schema: `{ type: 'record', name: 'a.b.c.d.e.f.g.h.i.j.k.l.Chain', fields: [{ name: 'r0', type: { type: 'fixed', name: 'F', size: 1 } }, ${numbers(
      50,
    )
      .map(
        n =>
          `{ name: 'c${n}', type: { type: 'record', name: 'C${n}', fields: [{ name: 'up', type: '${n ? `C${n - 1}` : 'F'}' }] } }`,
      )
      .join(', ')}] }`,
    handler: `chain => void chain.c49${'.up'.repeat(50)}.‹byteLength|bytes›`,
  },
  '20 records that all refer to each other': {
    schema: `{ type: 'record', name: 'All', fields: [${fields(
      20,
      n => `{ type: 'record', name: 'R${n}', fields: [${fields(20, to => `['null', 'R${to}']`)}] }`,
    )}] }`,
    handler: `all => void all.f0.f19?.f3?.f7?.f0?.f19?.‹f1|f20›`,
  },
}

for (const [name, { schema, handler }] of Object.entries(cases)) {
  test(name, async () => {
    const subscribing = (side: 1 | 2): string => {
      const chosen = handler.replace(/‹(.*?)\|(.*?)›/g, `$${side}`)
      return `${header}bus.subscribe(defineEvent('event', { schema: avro(${schema}) }), ${chosen})`
    }
    const right = await compile(subscribing(1))
    assert.ok(right.ok, right.output.slice(0, 2_000))
    const wrong = await compile(subscribing(2))
    assert.match(wrong.output, /error TS(2339|2367|2345|2551)/)
    assert.is(wrong.output.match(/error TS/g)?.length, 1, wrong.output.slice(0, 2_000))
  })
}

test.run()

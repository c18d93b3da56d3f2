import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compile, header } from './support/compile.js'

const test = suite('how types of Avro schemas are shown')

const contracts = `${header}
declare function payloadOf<E extends AnyEvent>(event: E): EventPayload<E>
declare function inputOf<E extends AnyEvent>(event: E): EventInput<E>
export const UserCreated = defineEvent('UserCreated', { schema: avro({
  type: 'record', name: 'UserCreated', fields: [
    { name: 'id', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'email', type: 'string' },
  ],
}) })
export const payload = payloadOf(UserCreated)

export const Order = defineEvent('Order', { schema: avro({
  type: 'record', name: 'Order', namespace: 'shop', fields: [
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'line', type: { type: 'record', name: 'Line', fields: [{ name: 'n', type: 'int', default: 1 }] } },
    { name: 'more', type: { type: 'array', items: 'Line' } },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'pet', type: ['null', 'Line', { type: 'map', values: 'int' }] },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['A', 'B'] } },
  ],
}) })
export const order = payloadOf(Order)
export const given = inputOf(Order)

export const Tree = defineEvent('Tree', { schema: avro({
  type: 'record', name: 'Tree', fields: [
    { name: 'children', type: { type: 'array', items: 'Tree' } },
    { name: 'value', type: 'int' },
  ],
}) })
export const tree = payloadOf(Tree)
`

/** The type of an exported constant. TypeScript 7 sorts the keys by name, where 5.9 has them as they were declared. */
function shown(declarations: string, name: string): string {
  const [, type = ''] =
    new RegExp(`export declare const ${name}: ((?:.|\\n)*?);\\n(?=export|$)`).exec(declarations) ?? []
  return type.replace(/\s+/g, ' ')
}

for (const exact of ['true', 'false']) {
  test(`as plain objects, with exactOptionalPropertyTypes ${exact}`, async () => {
    const use = `void bus.publish(Order, { ...order, note: undefined, line: {} })\nvoid bus.publish(Order, order)`
    const { ok, output, declarations } = await compile(contracts + use, '--exactOptionalPropertyTypes', exact)
    assert.ok(ok, output)
    const user = '{ email: string; id: string; name: string; }'
    assert.is(shown(declarations, 'payload'), user)
    assert.match(shown(declarations, 'UserCreated'), `EventDefinition<${user}, ${user}>`)
    assert.is(
      shown(declarations, 'order'),
      `{ at: Date; line: { n: number; }; more: { n: number; }[]; note: string | null; pet: { "shop.Line": { n: number; }; } | { map: Record<string, number>; } | null; state: "A" | "B"; }`,
    )
    assert.is(
      shown(declarations, 'given'),
      `{ at: Date; line: { n?: number | undefined; }; more: readonly { n?: number | undefined; }[]; note?: string | null | undefined; pet: { "shop.Line": { n?: number | undefined; }; } | { map: Record<string, number>; } | null; state: "A" | "B"; }`,
    )
  })
}

test('a recursive record by a name, so that a declaration file can hold it', async () => {
  const { ok, output, declarations } = await compile(contracts)
  assert.ok(ok, output)
  const named =
    /^\{ children: import\("@busbar\/core\/avro"\)\.AvroRecursive<"Tree", "output", \{.*\}, object>\[\]; value: number; \}$/
  assert.match(shown(declarations, 'tree'), named)
  // What the file says is what the compiler reads back.
  const reader = await compile(`${header}
declare const Tree: ${shown(declarations, 'Tree')}
bus.subscribe(Tree, node => node.children[0]?.children[0]?.value.toFixed())
// @ts-expect-error two levels down
bus.subscribe(Tree, node => node.children[0]?.children[0]?.vale)
`)
  assert.ok(reader.ok, reader.output)
})

test.run()

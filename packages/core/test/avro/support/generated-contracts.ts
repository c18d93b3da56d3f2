import { header } from './compile.js'

/**
 * A module of events with Avro schemas of 30 fields each, and a handler and a publish for each, as text: primitives,
 * enums, unions plain and wrapped, nested records, logical types, defaults, references, arrays and maps.
 */
export function generatedContracts(count: number): string {
  const contracts = Array.from({ length: count }, (_, index) => contract(index))
  return `${header}\n${contracts.join('\n')}`
}

// Each schema has names of its own, as real ones do: the compiler must not be able to reuse what it knows of another.
function contract(n: number): string {
  return `
const Event${n} = defineEvent('event${n}', { key: payload => payload.id${n}, schema: avro({
  type: 'record', name: 'Event${n}', namespace: 'shop.sales${n}', doc: 'One of many.', fields: [
    { name: 'id${n}', type: 'string' },
    { name: 'sequence', type: 'long' },
    { name: 'active', type: 'boolean' },
    { name: 'count', type: 'int', doc: 'How many.' },
    { name: 'ratio', type: 'float' },
    { name: 'weight', type: 'double' },
    { name: 'picture', type: 'bytes' },
    { name: 'title', type: 'string', default: '' },
    { name: 'priority', type: 'int', default: 0 },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'state', type: { type: 'enum', name: 'State${n}', symbols: ['OPEN', 'PAID', 'SENT', 'BACK${n}'] } },
    { name: 'previous', type: ['null', 'State${n}'], default: null },
    { name: 'address', type: { type: 'record', name: 'Address${n}', fields: [
      { name: 'street', type: 'string' },
      { name: 'city${n}', type: 'string' },
      { name: 'zip', type: ['null', 'string'], default: null },
      { name: 'country', type: { type: 'enum', name: 'Country${n}', symbols: ['AT', 'CH', 'DE'] }, default: 'DE' },
    ] } },
    { name: 'billing', type: ['null', 'Address${n}'] },
    { name: 'formerAddresses', type: { type: 'array', items: 'shop.sales${n}.Address${n}' }, default: [] },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'changed', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
    { name: 'due', type: { type: 'int', logicalType: 'date' } },
    { name: 'total', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
    { name: 'trace', type: { type: 'string', logicalType: 'uuid' } },
    { name: 'digest', type: { type: 'fixed', name: 'Digest${n}', size: 16 } },
    { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
    { name: 'labels', type: { type: 'map', values: 'string' } },
    { name: 'scores', type: 'map', values: ['int', 'double', 'null'] },
    { name: 'lines', type: { type: 'array', items: { type: 'record', name: 'Line${n}', fields: [
      { name: 'sku', type: 'string' },
      { name: 'quantity', type: 'int', default: 1 },
      { name: 'price', type: { type: 'record', name: 'Money${n}', fields: [
        { name: 'amount', type: 'long' },
        { name: 'currency', type: 'string', default: 'EUR' },
      ] } },
    ] } } },
    { name: 'firstLine', type: ['null', 'Line${n}'], default: null },
    { name: 'tip', type: 'Money${n}' },
    { name: 'payment', type: ['null', 'string',
      { type: 'record', name: 'Card${n}', fields: [{ name: 'number', type: 'string' }, { name: 'fee', type: 'Money${n}' }] },
      { type: 'record', name: 'Transfer${n}', fields: [{ name: 'iban', type: 'string' }] },
    ] },
    { name: 'replaces', type: ['null', 'Event${n}'], default: null },
    { name: 'amountOrText', type: ['int', 'string', 'boolean'] },
  ],
}) })

bus.subscribe(Event${n}, order => {
  const texts: string[] = [order.id${n}, order.title, order.address.city${n}, order.total, order.trace, ...order.tags]
  const state: 'OPEN' | 'PAID' | 'SENT' | 'BACK${n}' = order.previous ?? order.state
  const times: [Date, bigint | null, string] = [order.at, order.changed, order.due]
  const amount: number = order.lines.reduce((sum, line) => sum + line.quantity * line.price.amount, order.tip.amount)
  const card = order.payment !== null && 'shop.sales${n}.Card${n}' in order.payment
    ? order.payment['shop.sales${n}.Card${n}'].fee.currency
    : undefined
  return void [texts, state, times, amount, card, order.replaces?.replaces?.billing?.country, order.scores['a']]
})
void bus.publish(Event${n}, {
  id${n}: '1', sequence: 1, active: true, count: 1, ratio: 1, weight: 1, picture: new Uint8Array(), state: 'OPEN',
  address: { street: '', city${n}: '' }, billing: null, at: new Date(), changed: 1n, due: '2026-01-01', total: '1.00',
  trace: '', digest: new Uint8Array(16), labels: { a: 'b' }, scores: { a: 1 }, tip: { amount: 1 }, amountOrText: 'x',
  lines: [{ sku: 'x', price: { amount: 1 } }], payment: { 'shop.sales${n}.Transfer${n}': { iban: '' } },
})`
}

import { defineEvent, defineRequest } from '@busbar/core'
import { suite } from 'uvu'
import { throws } from './support/assertions.js'
import { testBus } from './support/bus.js'

const test = suite('options of subscriptions')
const Thing = defineEvent<number>('thing', { key: n => String(n % 10) })
const Other = defineEvent<number>('other')

test('subscriptions that contradict each other are refused, and the group stays as it was', () => {
  const { bus } = testBus()
  const nothing = () => {}
  bus.subscribe(Thing, { concurrency: 5, from: 'latest' }, nothing)
  throws(() => bus.subscribe(Thing, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { name: 'second', concurrency: 6 }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Other, { from: 'earliest' }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Other, { maxInFlight: 1 }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribeBatch(Thing, { name: 'batch' }, nothing), 'CONFIG_INVALID')
  bus.subscribe(Thing, { name: 'second' }, nothing)
  bus.subscribeBatch(Other, { concurrency: 5 }, nothing)
  throws(() => bus.subscribe(Other, { name: 'beside a batch' }, nothing), 'CONFIG_INVALID')
  bus.subscribe(Other, { group: 'elsewhere', concurrency: 9 }, nothing)
  const Ask = defineRequest('ask')
  bus.reply(Ask, nothing)
  throws(() => bus.reply(Ask, { name: 'second' }, nothing), 'CONFIG_INVALID')
})

test('options that mean nothing are refused', () => {
  const { bus } = testBus()
  const nothing = () => {}
  throws(() => bus.subscribe(Thing, { group: '' }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { name: '' }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { from: 'middle' as 'latest' }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { group: false, from: 'earliest' }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { concurrency: 0 }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribeBatch(Thing, { maxSize: 0 }, nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, {} as unknown as typeof nothing), 'CONFIG_INVALID')
  throws(() => bus.subscribe(Thing, { use: [{ name: 'p', publish: nothing }] }, nothing), 'CONFIG_INVALID')
  throws(() => bus.use({ name: 'none' }), 'CONFIG_INVALID')
  throws(() => bus.use({ name: 'x', event: 'no function' as unknown as () => void }), 'CONFIG_INVALID')
  throws(() => bus.use(undefined as unknown as () => void), 'CONFIG_INVALID')
})

test('contracts that declare one topic differently are refused', () => {
  const { bus } = testBus()
  const of = (name: string, more: object) => defineEvent(name, { topic: { name: 'shared', ...more } })
  bus.subscribe(of('one', { partitions: 3, config: { 'retention.ms': '1' } }), () => {})
  throws(() => bus.subscribe(of('two', { partitions: 4 }), () => {}), 'CONFIG_INVALID')
  throws(() => bus.subscribe(of('two', { config: { 'retention.ms': '2' } }), () => {}), 'CONFIG_INVALID')
  bus.subscribe(of('two', { partitions: 3, config: { 'max.message.bytes': '9' } }), () => {})
})

test.run()

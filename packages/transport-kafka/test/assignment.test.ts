import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memberInfo } from '../dist/assigner.js'
import { type Assignment, assignPartitions, type GroupMemberInfo } from '../dist/assignment.js'

const test = suite('assignment')

const member = (id: string, topics: string[], held: Assignment = {}, generation = -1): GroupMemberInfo => ({
  id,
  topics,
  held,
  generation,
})

const counts = (entries: Record<string, number>) => new Map(Object.entries(entries))

test('a member gets partitions of its own topics only', () => {
  const result = assignPartitions(
    [member('a', ['old', 'new']), member('b', ['old'])],
    counts({ old: 4, new: 2 }),
  )
  assert.equal(result.get('b')?.['new'], undefined)
  assert.equal(result.get('a')?.['new'], [0, 1])
  assert.is((result.get('a')?.['old']?.length ?? 0) + (result.get('b')?.['old']?.length ?? 0), 4)
})

test('equal partition numbers of co-partitioned topics go to one member', () => {
  const result = assignPartitions(
    [member('a', ['x', 'y']), member('b', ['x', 'y']), member('c', ['x', 'y'])],
    counts({ x: 7, y: 7 }),
  )
  for (const assignment of result.values()) assert.equal(assignment['x'], assignment['y'])
})

test('every partition has one member, and shares differ by one at most', () => {
  for (let members = 1; members <= 5; members++) {
    for (const partitions of [1, 2, 3, 6, 7]) {
      const all = Array.from({ length: members }, (_, i) => member(`m${i}`, ['t']))
      const result = assignPartitions(all, counts({ t: partitions }))
      const shares = [...result.values()].map(assignment => assignment['t']?.length ?? 0)
      assert.equal(
        [...result.values()].flatMap(assignment => assignment['t'] ?? []).sort((a, b) => a - b),
        [...Array(partitions).keys()],
      )
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1)
    }
  }
})

test('what members hold stays with them, as far as shares stay even', () => {
  const before = assignPartitions([member('z', ['t']), member('b', ['t'])], counts({ t: 6 }))
  const held = [...before].map(([id, assignment]) => member(id, ['t'], assignment, 3))
  const after = assignPartitions([...held, member('a', ['t'])], counts({ t: 6 }))
  for (const { id, held: had } of held) {
    assert.is(after.get(id)?.['t']?.length, 2)
    assert.ok(after.get(id)?.['t']?.every(partition => had['t']?.includes(partition)))
  }
  const again = assignPartitions(
    [...after].map(([id, assignment]) => member(id, ['t'], assignment, 4)),
    counts({ t: 6 }),
  )
  assert.equal(again, after)
})

test('many topics of one partition are spread over the members', () => {
  const topics = Array.from({ length: 10 }, (_, i) => `t${i}`)
  const everything = Object.fromEntries(topics.map(topic => [topic, [0]]))
  const result = assignPartitions(
    [member('a', topics.slice(0, 5).concat('x'), everything, 1), member('b', topics.slice(0, 5).concat('x'))],
    counts({ ...Object.fromEntries(topics.map(topic => [topic, 1])), x: 2 }),
  )
  const load = (id: string) => Object.values(result.get(id) ?? {}).flat().length
  assert.is(load('a') + load('b'), 7)
  assert.ok(load('a') > 0 && load('b') > 0)
})

test('of two that claim a partition, the later generation counts', () => {
  const result = assignPartitions(
    [member('a', ['t'], { t: [0, 1] }, 2), member('b', ['t'], { t: [0] }, 5)],
    counts({ t: 2 }),
  )
  assert.equal(result.get('b')?.['t'], [0])
  assert.equal(result.get('a')?.['t'], [1])
})

test('foreign user data counts as none', () => {
  const subscription = (userData: Buffer) => {
    const topic = Buffer.from('\0\0\0\0\0\x01\0\x01t', 'latin1')
    const size = Buffer.alloc(4)
    size.writeInt32BE(userData.length)
    return Buffer.concat([topic, size, userData])
  }
  for (const text of [
    '',
    'no json',
    '{"held":7,"generation":1}',
    'null',
    '[]',
    '{"held":{"t":"x"},"generation":1}',
  ]) {
    const info = memberInfo('a', subscription(Buffer.from(text)))
    assert.equal(info.topics, ['t'])
    assert.equal(info.held['t'] ?? [], [])
  }
})

test.run()

import { type PrefixSlot, PrefixTracker } from '@busbar/core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from './seeded-random.js'

test('without positions the start is committable', () => {
  const tracker = new PrefixTracker(7)
  assert.equal([tracker.committable, tracker.next, tracker.unfinished, tracker.span], [7, 7, 0, 0])
})

test('the first unfinished position is committable, whatever finishes behind it', () => {
  const tracker = new PrefixTracker(0)
  const [first, second, third] = [tracker.add(0), tracker.add(1), tracker.add(2)]
  tracker.finish(second)
  assert.equal([tracker.committable, tracker.unfinished, tracker.span], [0, 2, 3])
  tracker.finish(first)
  assert.equal([tracker.committable, tracker.unfinished, tracker.span], [2, 1, 1])
  tracker.finish(third)
  assert.equal([tracker.committable, tracker.next, tracker.span], [3, 3, 0])
})

test('finishing twice counts once', () => {
  const tracker = new PrefixTracker(0)
  const slot = tracker.add(0)
  tracker.add(1)
  tracker.finish(slot)
  tracker.finish(slot)
  assert.equal([tracker.committable, tracker.unfinished], [1, 1])
})

test('positions may leave gaps, and may not go back', () => {
  const tracker = new PrefixTracker(0)
  tracker.finish(tracker.add(5))
  assert.is(tracker.committable, 6)
  assert.throws(() => tracker.add(5), RangeError)
  tracker.add(9)
  assert.is(tracker.committable, 9)
})

test('skipping moves on over what was never added, and never back', () => {
  const tracker = new PrefixTracker(0)
  tracker.skipTo(4)
  assert.equal([tracker.committable, tracker.next], [4, 4])
  const slot = tracker.add(4)
  tracker.skipTo(9)
  assert.equal([tracker.committable, tracker.next], [4, 9])
  tracker.skipTo(6)
  assert.is(tracker.next, 9)
  tracker.finish(slot)
  assert.is(tracker.committable, 9)
})

test('agrees with a naive model, whatever finishes when', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed)
    const start = Math.floor(random() * 5)
    const tracker = new PrefixTracker(start)
    const open: PrefixSlot[] = []
    let next = start
    for (let step = 0; step < 300; step += 1) {
      const choice = random()
      if (choice < 0.5) {
        next += random() < 0.2 ? Math.floor(random() * 4) : 0
        open.push(tracker.add(next))
        next += 1
      } else if (choice < 0.95 && open.length > 0) {
        const [slot] = open.splice(Math.floor(random() * open.length), 1)
        tracker.finish(slot as PrefixSlot)
      } else if (choice >= 0.95) {
        next += Math.floor(random() * 3)
        tracker.skipTo(next)
      }
      const committable = Math.min(next, ...open.map(slot => slot.position))
      assert.equal(
        [tracker.committable, tracker.next, tracker.unfinished],
        [committable, next, open.length],
        `seed ${seed}`,
      )
    }
  }
})

test('keeps no more than what is behind the first unfinished position, over a million of them', () => {
  const tracker = new PrefixTracker(0)
  const window: PrefixSlot[] = []
  for (let position = 0; position < 1_000_000; position += 1) {
    window.push(tracker.add(position))
    if (window.length > 100) tracker.finish(window.shift() as PrefixSlot)
    if (tracker.span > 100) assert.unreachable(`span ${tracker.span} at ${position}`)
  }
  assert.is(tracker.committable, 999_900)
})

test.run()

import { hopping, sessions, tumbling, type Window } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isClosed, isSessionClosed, mergedSession, windowsAt } from '../../dist/stream/windows.js'

const test = suite('windows')
const spans = (windows: readonly Window[]) => windows.map(({ startMs, endMs }) => [startMs, endMs])

test('tumbling windows are aligned to the epoch, the start is in, the end is not', () => {
  const windows = tumbling({ sizeMs: 5_000 })
  const at = (timestampMs: number) => spans(windowsAt(windows, timestampMs))
  assert.equal(at(0), [[0, 5_000]])
  assert.equal(at(4_999), [[0, 5_000]])
  assert.equal(at(5_000), [[5_000, 10_000]])
  assert.equal(at(1_700_000_000_001), [[1_700_000_000_000, 1_700_000_005_000]])
})

test('hopping windows of 5 s every 3 s begin at 0, 3, 6 s, and overlap', () => {
  const windows = hopping({ sizeMs: 5_000, advanceMs: 3_000 })
  const at = (timestampMs: number) => spans(windowsAt(windows, timestampMs))
  assert.equal(at(0), [[0, 5_000]])
  assert.equal(at(2_999), [[0, 5_000]])
  assert.equal(at(3_000), [
    [0, 5_000],
    [3_000, 8_000],
  ])
  assert.equal(at(5_000), [[3_000, 8_000]])
  assert.equal(at(6_000), [
    [3_000, 8_000],
    [6_000, 11_000],
  ])
})

test('every moment is in size / advance hopping windows, each of which covers it', () => {
  for (const [sizeMs, advanceMs] of [
    [10, 1],
    [10, 2],
    [10, 3],
    [7, 7],
    [1, 1],
  ] as const) {
    for (let time = 0; time < 50; time += 1) {
      const windows = windowsAt(hopping({ sizeMs, advanceMs }), time)
      const all = Array.from({ length: 60 }, (_, index) => index * advanceMs)
      const covering = all.filter(start => start <= time && time < start + sizeMs)
      assert.equal(
        windows.map(({ startMs }) => startMs),
        covering,
        `${sizeMs} every ${advanceMs} at ${time}`,
      )
    }
  }
})

test('a window is closed when its end and grace have passed', () => {
  const windows = tumbling({ sizeMs: 10, graceMs: 5 })
  const window = { startMs: 0, endMs: 10 }
  assert.not(isClosed(window, windows, 14))
  assert.ok(isClosed(window, windows, 15))
})

test('a session is closed when a record of now would be too far from its last one, and grace has passed', () => {
  const windows = sessions({ gapMs: 10, graceMs: 5 })
  const window = { startMs: 0, endMs: 20 }
  assert.not(isSessionClosed(window, windows, 35))
  assert.ok(isSessionClosed(window, windows, 36))
  assert.equal(mergedSession(window, { startMs: 15, endMs: 30 }), { startMs: 0, endMs: 30 })
})

test('lengths that are none are refused', () => {
  for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined]) {
    assert.throws(() => tumbling({ sizeMs: wrong as number }), /option "sizeMs"/)
    assert.throws(() => sessions({ gapMs: wrong as number }), /option "gapMs"/)
    assert.throws(() => hopping({ sizeMs: 5, advanceMs: wrong as number }), /option "advanceMs"/)
  }
  assert.throws(() => hopping({ sizeMs: 5, advanceMs: 6 }), /must not exceed/)
  assert.throws(() => tumbling({ sizeMs: 5, graceMs: -1 }), /option "graceMs"/)
})

test.run()

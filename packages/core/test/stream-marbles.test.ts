import {
  concat,
  debounceTime,
  delay,
  filter,
  map,
  merge,
  mergeMap,
  type Observable,
  scan,
  take,
  throwError,
  timer,
} from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EventStream } from '../dist/stream/event-stream.js'
import { Feed } from '../dist/stream/feed.js'

const test = suite('streams in marbles')

type Helpers = Parameters<Parameters<TestScheduler['run']>[0]>[0]

interface World extends Helpers {
  /** A stream whose records come as the marbles say. */
  readonly stream: (marbles: string) => EventStream<string>
  /** What became of each record as its emission returned: `a done`, `b failed: why`, `c refused`. */
  readonly outcomes: string[]
}

function marbles(work: (world: World) => void): string[] {
  const outcomes: string[] = []
  new TestScheduler((actual, expected) => assert.equal(actual, expected)).run(helpers => {
    const stream = (text: string) => {
      const source$ = helpers.hot(text)
      const feed = new Feed<string>('marbles', each => {
        const records = source$.subscribe(value => outcomes.push(`${value} ${outcome(each, value)}`))
        return { close: async () => records.unsubscribe() }
      })
      return new EventStream(feed as Feed<unknown>, feed.source)
    }
    work({ ...helpers, stream, outcomes })
  })
  return outcomes
}

function outcome(feed: Feed<string>, value: string): string {
  try {
    return feed.emit(value) ? 'done' : 'refused'
  } catch (thrown) {
    return `failed: ${(thrown as Error).message}`
  }
}

const failAt =
  (bad: string) =>
  (value: string): string => {
    if (value === bad) throw new Error(`no ${bad}`)
    return value
  }

test('what passes and what is filtered out is done as it comes', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    const upper$ = stream('-a-b--c').pipe(
      filter(value => value !== 'b'),
      map(value => value.toUpperCase()),
    )
    expectObservable(upper$).toBe('-A----C')
  })
  assert.equal(outcomes, ['a done', 'b done', 'c done'])
})

test('an error fails its record, and the stream goes on', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    expectObservable(stream('-a-b--c').pipe(map(failAt('b')))).toBe('-a----c')
  })
  assert.equal(outcomes, ['a done', 'b failed: no b', 'c done'])
})

test('a memory starts afresh after an error', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    const all$ = stream('-a-b-c-d').pipe(
      scan((all, value) => all + value, ''),
      map(all => failAt('abc')(all)),
    )
    expectObservable(all$).toBe('-1-2---3', { 1: 'a', 2: 'ab', 3: 'd' })
  })
  assert.equal(outcomes, ['a done', 'b done', 'c failed: no abc', 'd done'])
})

test('take is content with what it took, and leaves', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    expectObservable(stream('-a-b-c').pipe(take(2))).toBe('-a-(b|)')
  })
  assert.equal(outcomes, ['a done', 'b done'])
})

test('what happens later happens after the acknowledgement', () => {
  const outcomes = marbles(({ stream, expectObservable, flush, outcomes: soFar }) => {
    expectObservable(stream('-a').pipe(delay(5))).toBe('------a')
    expectObservable(stream('-a-b-c----').pipe(debounceTime(3))).toBe('--------c')
    flush()
    assert.ok(soFar.includes('b done'))
  })
  assert.equal(outcomes, ['a done', 'a done', 'b done', 'c done'])
})

test('an error that comes later ends the stream: no record is to blame', () => {
  const error = new Error('later')
  const outcomes = marbles(({ stream, expectObservable }) => {
    const later$ = (value: string): Observable<string> =>
      concat([value], timer(2).pipe(mergeMap(() => throwError(() => error))))
    expectObservable(stream('-a-----b').pipe(mergeMap(later$))).toBe('-a-#', undefined, error)
  })
  assert.equal(outcomes, ['a done'])
})

test('an error behind a merge of two streams fails the record that it came with', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    const bad = map(failAt('b'))
    expectObservable(merge(stream('-a---b--e').pipe(bad), stream('--c-d'))).toBe('-ac-d---e')
  })
  assert.equal(outcomes, ['a done', 'c done', 'd done', 'b failed: no b', 'e done'])
})

test('who unsubscribes gets nothing more', () => {
  const outcomes = marbles(({ stream, expectObservable }) => {
    expectObservable(stream('-a-b-c'), '----!').toBe('-a-b')
  })
  assert.equal(outcomes, ['a done', 'b done'])
})

test.run()

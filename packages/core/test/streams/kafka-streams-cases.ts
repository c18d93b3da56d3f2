/**
 * What Kafka Streams does, from its documentation (developer guide, "Streams DSL": aggregating, joining, windowing) as data. Times
 * are milliseconds where the documentation gives none.
 */

/** A record: its event time, key and value; `null` is a null value. */
type Input = readonly [timeMs: number, key: string | null, value: string | null]

export interface AggregateCase {
  readonly name: string
  readonly windows:
    | { readonly kind: 'tumbling'; readonly sizeMs: number; readonly graceMs?: number }
    | {
        readonly kind: 'hopping'
        readonly sizeMs: number
        readonly advanceMs: number
        readonly graceMs?: number
      }
    | { readonly kind: 'sessions'; readonly gapMs: number; readonly graceMs?: number }
  readonly emit?: 'final'
  readonly input: readonly Input[]
  /** `key@start-end` and the count; null where a window was deleted. */
  readonly updates: readonly (readonly [window: string, count: number | null])[]
  readonly table: Readonly<Record<string, number>>
  readonly late?: number
}

const minute = 60_000

/** Records of one key at these moments. */
const at = (...times: readonly number[]): readonly Input[] => times.map(time => [time, 'k', 'v'] as const)

export const aggregateCases: readonly AggregateCase[] = [
  {
    name: 'tumbling windows of 5 s: [0;5000), [5000;10000), the lower bound inclusive, the upper exclusive',
    windows: { kind: 'tumbling', sizeMs: 5_000 },
    input: at(0, 4_999, 5_000, 9_999, 10_000),
    updates: [
      ['k@0-5000', 1],
      ['k@0-5000', 2],
      ['k@5000-10000', 1],
      ['k@5000-10000', 2],
      ['k@10000-15000', 1],
    ],
    table: { 'k@0-5000': 2, 'k@5000-10000': 2, 'k@10000-15000': 1 },
  },
  {
    name: 'tumbling windows are counted for each key by itself',
    windows: { kind: 'tumbling', sizeMs: 10 },
    input: [
      [1, 'alice', 'v'],
      [2, 'bob', 'v'],
      [3, 'alice', 'v'],
      [11, 'bob', 'v'],
    ],
    updates: [
      ['alice@0-10', 1],
      ['bob@0-10', 1],
      ['alice@0-10', 2],
      ['bob@10-20', 1],
    ],
    table: { 'alice@0-10': 2, 'bob@0-10': 1, 'bob@10-20': 1 },
  },
  {
    name: 'records with null keys are ignored',
    windows: { kind: 'tumbling', sizeMs: 10 },
    input: [
      [1, null, 'v'],
      [2, 'k', 'v'],
    ],
    updates: [['k@0-10', 1]],
    table: { 'k@0-10': 1 },
  },
  {
    name: 'hopping windows of 5 s every 3 s: [0;5000), [3000;8000), … A record is in all that cover it',
    windows: { kind: 'hopping', sizeMs: 5_000, advanceMs: 3_000 },
    input: at(0, 3_500, 5_000),
    updates: [
      ['k@0-5000', 1],
      ['k@0-5000', 2],
      ['k@3000-8000', 1],
      ['k@3000-8000', 2],
    ],
    table: { 'k@0-5000': 2, 'k@3000-8000': 2 },
  },
  {
    name: 'hopping windows of 5 minutes every minute: a record at 5 minutes is in five',
    windows: { kind: 'hopping', sizeMs: 5 * minute, advanceMs: minute },
    input: at(5 * minute),
    updates: [1, 2, 3, 4, 5].map(start => [`k@${start * minute}-${(start + 5) * minute}`, 1] as const),
    table: Object.fromEntries(
      [1, 2, 3, 4, 5].map(start => [`k@${start * minute}-${(start + 5) * minute}`, 1]),
    ),
  },
  {
    name: 'without grace a record is late as soon as stream time has reached the end of its window',
    windows: { kind: 'tumbling', sizeMs: 10 },
    input: at(5, 9, 3, 10, 9),
    updates: [
      ['k@0-10', 1],
      ['k@0-10', 2],
      ['k@0-10', 3],
      ['k@10-20', 1],
    ],
    table: { 'k@0-10': 3, 'k@10-20': 1 },
    late: 1,
  },
  {
    name: 'with grace out-of-order records are taken until stream time has reached the end and the grace',
    windows: { kind: 'tumbling', sizeMs: 10, graceMs: 5 },
    input: at(1, 14, 9, 15, 9, 14),
    updates: [
      ['k@0-10', 1],
      ['k@10-20', 1],
      ['k@0-10', 2],
      ['k@10-20', 2],
      ['k@10-20', 3],
    ],
    table: { 'k@0-10': 2, 'k@10-20': 3 },
    late: 1,
  },
  {
    name: 'stream time is of the whole partition: a record of one key makes one of another late',
    windows: { kind: 'tumbling', sizeMs: 10 },
    input: [
      [1, 'a', 'v'],
      [25, 'b', 'v'],
      [2, 'a', 'v'],
    ],
    updates: [
      ['a@0-10', 1],
      ['b@20-30', 1],
    ],
    table: { 'a@0-10': 1, 'b@20-30': 1 },
    late: 1,
  },
  {
    name: 'a record may be late for one of its hopping windows and in time for another',
    windows: { kind: 'hopping', sizeMs: 10, advanceMs: 5 },
    input: at(7, 12, 8),
    updates: [
      ['k@0-10', 1],
      ['k@5-15', 1],
      ['k@5-15', 2],
      ['k@10-20', 1],
      ['k@5-15', 3],
    ],
    table: { 'k@0-10': 1, 'k@5-15': 3, 'k@10-20': 1 },
  },
  {
    name: 'sessions with a gap of 5 minutes: three records make three sessions of two keys',
    windows: { kind: 'sessions', gapMs: 5 * minute },
    input: [
      [0, 'green', 'v'],
      [6 * minute, 'green', 'v'],
      [2 * minute, 'blue', 'v'],
    ],
    updates: [
      ['green@0-0', 1],
      [`green@${6 * minute}-${6 * minute}`, 1],
      [`blue@${2 * minute}-${2 * minute}`, 1],
    ],
    table: {
      'green@0-0': 1,
      [`green@${6 * minute}-${6 * minute}`]: 1,
      [`blue@${2 * minute}-${2 * minute}`]: 1,
    },
  },
  {
    name: 'out-of-order records merge two sessions, and extend another; what is beyond the gap begins a new one',
    windows: { kind: 'sessions', gapMs: 5 * minute, graceMs: minute },
    input: [
      [0, 'green', 'v'],
      [6 * minute, 'green', 'v'],
      [2 * minute, 'blue', 'v'],
      [4 * minute, 'green', 'v'],
      [5 * minute, 'blue', 'v'],
      [11 * minute, 'blue', 'v'],
    ],
    updates: [
      ['green@0-0', 1],
      [`green@${6 * minute}-${6 * minute}`, 1],
      [`blue@${2 * minute}-${2 * minute}`, 1],
      ['green@0-0', null],
      [`green@${6 * minute}-${6 * minute}`, null],
      [`green@0-${6 * minute}`, 3],
      [`blue@${2 * minute}-${2 * minute}`, null],
      [`blue@${2 * minute}-${5 * minute}`, 2],
      [`blue@${11 * minute}-${11 * minute}`, 1],
    ],
    table: {
      [`green@0-${6 * minute}`]: 3,
      [`blue@${2 * minute}-${5 * minute}`]: 2,
      [`blue@${11 * minute}-${11 * minute}`]: 1,
    },
  },
  {
    name: 'records that are just the gap apart share a session; one more millisecond, and they do not',
    windows: { kind: 'sessions', gapMs: 10 },
    input: at(0, 10, 21),
    updates: [
      ['k@0-0', 1],
      ['k@0-0', null],
      ['k@0-10', 2],
      ['k@21-21', 1],
    ],
    table: { 'k@0-10': 2, 'k@21-21': 1 },
  },
  {
    name: 'a record is late for a session that would end before stream time less gap and grace',
    windows: { kind: 'sessions', gapMs: 10, graceMs: 5 },
    input: at(0, 35, 20, 19),
    updates: [
      ['k@0-0', 1],
      ['k@35-35', 1],
      ['k@20-20', 1],
      ['k@20-20', null],
      ['k@19-20', 2],
    ],
    table: { 'k@0-0': 1, 'k@35-35': 1, 'k@19-20': 2 },
  },
  {
    name: 'a record that belongs to no session that is open is late',
    windows: { kind: 'sessions', gapMs: 10, graceMs: 5 },
    input: at(0, 36, 20),
    updates: [
      ['k@0-0', 1],
      ['k@36-36', 1],
    ],
    table: { 'k@0-0': 1, 'k@36-36': 1 },
    late: 1,
  },
  {
    name: 'final results: nothing for a window until it closes, and then exactly one',
    windows: { kind: 'tumbling', sizeMs: 10, graceMs: 5 },
    emit: 'final',
    input: at(1, 2, 12, 3, 15, 4, 40),
    updates: [
      ['k@0-10', 3],
      ['k@10-20', 2],
    ],
    table: { 'k@0-10': 3, 'k@10-20': 2, 'k@40-50': 1 },
    late: 1,
  },
  {
    name: 'final results of sessions come when nothing can be merged into them any more',
    windows: { kind: 'sessions', gapMs: 10 },
    emit: 'final',
    input: at(0, 8, 18, 28, 100, 105, 116),
    updates: [
      ['k@0-28', 4],
      ['k@100-105', 2],
    ],
    table: { 'k@0-28': 4, 'k@100-105': 2, 'k@116-116': 1 },
  },
]

export interface JoinCase {
  readonly name: string
  readonly kind: 'join' | 'leftJoin' | 'outerJoin'
  readonly right: 'stream' | 'table'
  readonly withinMs?: number | { readonly beforeMs: number; readonly afterMs: number }
  readonly graceMs?: number
  readonly input: readonly (readonly [timeMs: number, side: 'left' | 'right', value: string | null])[]
  /** What the joiner is called with, for each input record. */
  readonly output: readonly (readonly string[])[]
  readonly late?: number
}

/** The input of the documentation's tables: "all records have the same key". */
const documented: JoinCase['input'] = [
  [1, 'left', null],
  [2, 'right', null],
  [3, 'left', 'A'],
  [4, 'right', 'a'],
  [5, 'left', 'B'],
  [6, 'right', 'b'],
  [7, 'left', null],
  [8, 'right', null],
  [9, 'left', 'C'],
  [10, 'right', 'c'],
  [11, 'right', null],
  [12, 'left', null],
  [13, 'right', null],
  [14, 'right', 'd'],
  [15, 'left', 'D'],
]
const innerOutput = [
  [],
  [],
  [],
  ['Aa'],
  ['Ba'],
  ['Ab', 'Bb'],
  [],
  [],
  ['Ca', 'Cb'],
  ['Ac', 'Bc', 'Cc'],
  [],
  [],
  [],
  ['Ad', 'Bd', 'Cd'],
  ['Da', 'Db', 'Dc', 'Dd'],
]
/**
 * "We assume a join window size of 15 seconds with a grace period of 5 seconds", here a thousandth of that. The documentation has these rows
 * at 40, 60, 80 and 100, where each is just at the end and grace of the one before; Kafka Streams itself (`KStreamKStreamJoin`)
 * emits what is unmatched only when stream time is past them, since both ends of a join window are inclusive.
 */
const later: JoinCase['input'] = [
  [40, 'left', 'E'],
  [61, 'left', 'F'],
  [82, 'right', 'f'],
  [103, 'left', 'G'],
]
const documentedStreams = {
  right: 'stream',
  withinMs: 15,
  graceMs: 5,
  input: [...documented, ...later],
} as const

export const joinCases: readonly JoinCase[] = [
  {
    name: 'stream–stream inner join, the table of the documentation',
    kind: 'join',
    ...documentedStreams,
    output: [...innerOutput, [], [], [], []],
  },
  {
    name: 'stream–stream left join, the table of the documentation: unmatched ones follow when their window has closed',
    kind: 'leftJoin',
    ...documentedStreams,
    output: [...innerOutput, [], ['E-'], ['F-'], []],
  },
  {
    name: 'stream–stream outer join, the table of the documentation',
    kind: 'outerJoin',
    ...documentedStreams,
    output: [...innerOutput, [], ['E-'], ['F-'], ['-f']],
  },
  {
    name: 'stream–table inner join, the table of the documentation',
    kind: 'join',
    right: 'table',
    input: documented,
    output: [[], [], [], [], ['Ba'], [], [], [], [], [], [], [], [], [], ['Dd']],
  },
  {
    name: 'stream–table left join, the table of the documentation',
    kind: 'leftJoin',
    right: 'table',
    input: documented,
    output: [[], [], ['A-'], [], ['Ba'], [], [], [], ['C-'], [], [], [], [], [], ['Dd']],
  },
  {
    name: 'a join window is inclusive on both sides',
    kind: 'join',
    right: 'stream',
    withinMs: 10,
    graceMs: 100,
    input: [
      [100, 'left', 'A'],
      [90, 'right', 'a'],
      [110, 'right', 'b'],
      [89, 'right', 'c'],
      [111, 'right', 'd'],
    ],
    output: [[], ['Aa'], ['Ab'], [], []],
  },
  {
    name: 'a join window may reach only forward: right records at the same time or later',
    kind: 'join',
    right: 'stream',
    withinMs: { beforeMs: 0, afterMs: 10 },
    graceMs: 100,
    input: [
      [100, 'left', 'A'],
      [99, 'right', 'a'],
      [100, 'right', 'b'],
      [110, 'right', 'c'],
      [111, 'right', 'd'],
    ],
    output: [[], [], ['Ab'], ['Ac'], []],
  },
  {
    name: 'out-of-order records are joined within the grace, in either direction',
    kind: 'join',
    right: 'stream',
    withinMs: 5,
    graceMs: 20,
    input: [
      [10, 'left', 'A'],
      [30, 'left', 'B'],
      [12, 'right', 'a'],
      [9, 'left', 'C'],
    ],
    output: [[], [], ['Aa'], ['Ca']],
  },
  {
    name: 'after the end of its window and the grace a record is late',
    kind: 'join',
    right: 'stream',
    withinMs: 5,
    graceMs: 5,
    input: [
      [10, 'left', 'A'],
      [20, 'left', 'B'],
      [9, 'right', 'a'],
      [10, 'right', 'b'],
    ],
    output: [[], [], [], ['Ab']],
    late: 1,
  },
  {
    name: 'an unmatched record that finds a partner within the grace is not emitted without one',
    kind: 'leftJoin',
    right: 'stream',
    withinMs: 5,
    graceMs: 10,
    input: [
      [10, 'left', 'A'],
      [20, 'left', 'B'],
      [12, 'right', 'a'],
      [100, 'left', 'C'],
    ],
    output: [[], [], ['Aa'], ['B-']],
  },
  {
    name: 'records of one key and moment are each joined, and each emitted when unmatched',
    kind: 'outerJoin',
    right: 'stream',
    withinMs: 5,
    input: [
      [10, 'left', 'A'],
      [10, 'left', 'B'],
      [11, 'right', 'a'],
      [30, 'right', 'b'],
      [30, 'right', 'c'],
      [60, 'left', 'C'],
    ],
    output: [[], [], ['Aa', 'Ba'], [], [], ['-b', '-c']],
  },
]

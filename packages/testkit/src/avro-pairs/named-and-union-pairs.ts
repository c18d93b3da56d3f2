import {
  array,
  BACKWARD,
  BOTH,
  enumOf,
  FORWARD,
  field,
  fixed,
  holding,
  map,
  NEITHER,
  pair,
  record,
  type SchemaPair,
} from './pair.js'

const held = (
  name: string,
  older: unknown,
  newer: unknown,
  verdict: readonly [boolean, boolean],
): SchemaPair => pair(name, holding(older), holding(newer), verdict)

const cat = record('Cat', [field('lives', 'int')])
const dog = record('Dog', [field('tricks', 'int')])

/** Enums and fixed. */
export const namedPairs: readonly SchemaPair[] = [
  held('an enum gets a symbol', enumOf('E', ['A', 'B']), enumOf('E', ['A', 'B', 'C']), BACKWARD),
  held('an enum loses a symbol', enumOf('E', ['A', 'B']), enumOf('E', ['A']), FORWARD),
  held('symbols change places', enumOf('E', ['A', 'B']), enumOf('E', ['B', 'A']), BOTH),
  held('a symbol is exchanged', enumOf('E', ['A', 'B']), enumOf('E', ['A', 'C']), NEITHER),
  held(
    'an enum with a default loses a symbol',
    enumOf('E', ['A', 'B']),
    enumOf('E', ['A'], { default: 'A' }),
    BOTH,
  ),
  held(
    'a symbol is exchanged, and both have a default',
    enumOf('E', ['A', 'B'], { default: 'A' }),
    enumOf('E', ['A', 'C'], { default: 'A' }),
    BOTH,
  ),
  held(
    'an enum had a default before it gets a symbol',
    enumOf('E', ['A'], { default: 'A' }),
    enumOf('E', ['A', 'B'], { default: 'A' }),
    BOTH,
  ),
  pair(
    'the default of the field is none of the enum',
    holding(enumOf('E', ['A', 'B']), { default: 'A' }),
    holding(enumOf('E', ['A']), { default: 'A' }),
    FORWARD,
  ),
  held('an enum is renamed', enumOf('E', ['A']), enumOf('F', ['A']), NEITHER),
  held(
    'an enum is renamed, with an alias',
    enumOf('E', ['A']),
    enumOf('F', ['A'], { aliases: ['E'] }),
    BACKWARD,
  ),
  held('an enum moves to another namespace', enumOf('a.E', ['A']), enumOf('b.E', ['A']), BOTH),
  held('an enum becomes text', enumOf('E', ['A']), 'string', NEITHER),
  held('a fixed stays', fixed('F', 4), fixed('F', 4), BOTH),
  held('a fixed of another size', fixed('F', 4), fixed('F', 8), NEITHER),
  held('a fixed is renamed', fixed('F', 4), fixed('G', 4), NEITHER),
  held('a fixed is renamed, with an alias', fixed('F', 4), fixed('G', 4, { aliases: ['F'] }), BACKWARD),
  held('a fixed becomes bytes', fixed('F', 4), 'bytes', NEITHER),
]

/** Unions: branches that come, go, move, and what stands outside of them. */
export const unionPairs: readonly SchemaPair[] = [
  held('a type becomes nullable', 'string', ['null', 'string'], BACKWARD),
  held('a nullable type widens', ['null', 'int'], ['null', 'long'], BACKWARD),
  held('a branch comes', ['null', 'int'], ['null', 'int', 'string'], BACKWARD),
  held('a branch goes', ['null', 'int', 'string'], ['null', 'int'], FORWARD),
  held('branches change places', ['null', 'int', 'string'], ['string', 'null', 'int'], BOTH),
  held('a branch is exchanged', ['null', 'int'], ['null', 'boolean'], NEITHER),
  held('a branch is read by another that widens', ['int', 'string'], ['double', 'string'], BACKWARD),
  held('text is read by a branch of bytes', ['null', 'string'], ['null', 'bytes'], BOTH),
  held('a union of one', 'int', ['int'], BOTH),
  held('a union of one that widens', ['int'], 'long', BACKWARD),
  held('a union whose branches all widen to one type', ['int', 'long', 'float'], 'double', BACKWARD),
  held('a union without null, and null', ['int', 'string'], 'null', NEITHER),
  held('a record becomes a branch', cat, [cat, dog], BACKWARD),
  held('a record in a union is renamed', ['null', cat], ['null', { ...cat, name: 'Lion' }], NEITHER),
  held(
    'a record in a union is renamed, with an alias',
    ['null', cat],
    ['null', { ...cat, name: 'Lion', aliases: ['Cat'] }],
    BACKWARD,
  ),
  held(
    'a record in a union gets a field without default',
    [cat, dog],
    [cat, record('Dog', [field('tricks', 'int'), field('age', 'int')])],
    FORWARD,
  ),
  held(
    'a record in a union gets a field with a default',
    [cat, dog],
    [cat, record('Dog', [field('tricks', 'int'), field('age', 'int', { default: 1 })])],
    BOTH,
  ),
  held(
    'an enum in a union gets a symbol',
    ['null', enumOf('E', ['A'])],
    ['null', enumOf('E', ['A', 'B'])],
    BACKWARD,
  ),
  held('an array in a union widens', ['null', array('int')], ['null', array('long')], BACKWARD),
  held('a map in a union changes', ['null', map('int')], ['null', map('string')], NEITHER),
  pair('a union as the whole schema gets a branch', [cat], [cat, dog], BACKWARD),
  pair('a union as the whole schema', cat, [cat, dog], BACKWARD),
]

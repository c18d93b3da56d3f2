import { array, BACKWARD, BOTH, holding, map, NEITHER, pair, type SchemaPair } from './pair.js'

const held = (
  name: string,
  older: unknown,
  newer: unknown,
  verdict: readonly [boolean, boolean],
): SchemaPair => pair(name, holding(older), holding(newer), verdict)

/** Primitive types, what they may be read as, arrays and maps. */
export const primitivePairs: readonly SchemaPair[] = [
  held('the same primitive type', 'string', 'string', BOTH),
  held('a primitive type, by name and as an object', 'int', { type: 'int' }, BOTH),
  held('int to long', 'int', 'long', BACKWARD),
  held('int to float', 'int', 'float', BACKWARD),
  held('int to double', 'int', 'double', BACKWARD),
  held('long to float', 'long', 'float', BACKWARD),
  held('long to double', 'long', 'double', BACKWARD),
  held('float to double', 'float', 'double', BACKWARD),
  held('string and bytes', 'string', 'bytes', BOTH),
  held('int and string', 'int', 'string', NEITHER),
  held('boolean and int', 'boolean', 'int', NEITHER),
  held('long and bytes', 'long', 'bytes', NEITHER),
  held('null and int', 'null', 'int', NEITHER),
  held('double and string', 'double', 'string', NEITHER),
  held('an array whose items widen', array('int'), array('long'), BACKWARD),
  held('an array whose items change', array('int'), array('string'), NEITHER),
  held('a map whose values widen', map('float'), map('double'), BACKWARD),
  held('a map whose values change', map('int'), map('boolean'), NEITHER),
  held('an array and a map', array('int'), map('int'), NEITHER),
  held('an array and its item', array('int'), 'int', NEITHER),
  held(
    'arrays of maps of arrays that widen',
    array(map(array('int'))),
    array(map(array('double'))),
    BACKWARD,
  ),
  held('an array whose items become a union', array('int'), array(['null', 'int']), BACKWARD),
  held('a long and one with a logical type', 'long', { type: 'long', logicalType: 'timestamp-millis' }, BOTH),
  held(
    'timestamps of two precisions',
    { type: 'long', logicalType: 'timestamp-millis' },
    { type: 'long', logicalType: 'timestamp-micros' },
    BOTH,
  ),
  held(
    'decimals of two scales',
    { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
    { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 4 },
    BOTH,
  ),
  held('a string and a uuid', 'string', { type: 'string', logicalType: 'uuid' }, BOTH),
  pair('a primitive type as the whole schema', 'int', 'long', BACKWARD),
  pair('an array as the whole schema', array('string'), array('bytes'), BOTH),
]

import { type AvroSchema, avro } from '@busbar/core/avro'
import { javaAvro } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkCompatibility } from '../../dist/avro/compatibility/compatibility.js'
import { parseSchema } from '../../dist/avro/schema/parse-schema.js'
import { checkSchemaDefaults } from '../../dist/avro/schema/schema-defaults.js'
import type { SchemaNode } from '../../dist/avro/schema/schema-node.js'
import { seededRandom } from '../seeded-random.js'
import { evolve } from './random-evolution.js'
import { type Json, randomSchema } from './random-schemas.js'
import { randomValue } from './random-values.js'

const test = suite('checkCompatibility on random schemas')
const java = await javaAvro()

const SEEDS = Number(process.env['COMPATIBILITY_SEEDS'] ?? 1_000)

interface Pair {
  readonly seed: number
  readonly older: Json
  readonly newer: Json
  /** Whether types may have got another namespace: Java allows that and then cannot read them in unions. */
  readonly moves: boolean
}

function parsed(schema: Json): SchemaNode | undefined {
  try {
    const node = parseSchema(schema)
    checkSchemaDefaults(node)
    return node
  } catch {
    return undefined
  }
}

/** Those of the seeds whose schemas are schemas: about half. */
const pairs: Pair[] = []
for (let seed = 1; seed <= SEEDS; seed++) {
  const random = seededRandom(seed)
  const older = randomSchema(random)
  const moves = seed % 2 === 0
  const newer = evolve(older, random, moves)
  if (parsed(older) && parsed(newer)) pairs.push({ seed, older, newer, moves })
}

const canRead = (reader: Json, writer: Json) =>
  checkCompatibility({ mode: 'BACKWARD', schema: reader, against: [{ schema: writer }] })

test('there are enough pairs of every sort', () => {
  const verdicts = pairs.map(({ older, newer }) => [canRead(newer, older), canRead(older, newer)] as const)
  assert.ok(pairs.length > SEEDS / 4, `${pairs.length} pairs`)
  for (const backward of [true, false]) {
    for (const forward of [true, false]) {
      const count = verdicts.filter(([b, f]) => b.compatible === backward && f.compatible === forward).length
      assert.ok(count > pairs.length / 20, `${count} are ${backward} and ${forward}`)
    }
  }
  const rules = new Set(verdicts.flat().flatMap(({ problems }) => problems.map(({ rule }) => rule)))
  assert.ok(rules.size >= 6, [...rules].join(', '))
})

test('a schema reads what it has written', () => {
  for (const { older, newer } of pairs) {
    for (const schema of [older, newer]) assert.equal(canRead(schema, schema).problems, [])
  }
})

/** Says which pair it was that something could not be done with. */
async function about<T>(seed: number, schemas: readonly Json[], work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}: ${JSON.stringify(schemas)}`, { cause: error })
  }
}

if (java !== undefined) {
  const sameVerdict = async (reader: Json, writer: Json) =>
    assert.is(canRead(reader, writer).compatible, (await java.compatible({ reader, writer })).compatible)

  test('the verdict is that of Java', async () => {
    await Promise.all(
      pairs.flatMap(({ seed, older, newer }) => [
        about(seed, [newer, older], sameVerdict(newer, older)),
        about(seed, [older, newer], sameVerdict(older, newer)),
      ]),
    )
  })

  const writeAndRead = async ({ seed, older, newer, moves }: Pair, round: number) => {
    const json = JSON.stringify(randomValue(parsed(older) as SchemaNode, seededRandom(seed * round)))
    const bytes = await java.encode(older, json)
    if (!moves) assert.ok((await java.resolve({ writer: older, reader: newer, bytes })).atEnd)
    const codecs = codecsOf(older, newer)
    if (codecs) await codecs.reader.decode(bytes, codecs.writer.dataSchema)
  }

  test('what is written with a compatible schema is read, by Java and by avro()', async () => {
    const compatible = pairs.filter(({ older, newer }) => canRead(newer, older).compatible)
    assert.ok(compatible.length > pairs.length / 4, `${compatible.length} pairs`)
    for (const round of [1, 2, 3]) {
      await Promise.all(
        compatible.map(pair => about(pair.seed, [pair.newer, pair.older], writeAndRead(pair, round))),
      )
    }
  })
}

/** None where a default is of another branch than the first of a union, which `avro()` does not take. */
function codecsOf(older: Json, newer: Json) {
  try {
    return { writer: avro(older as AvroSchema), reader: avro(newer as AvroSchema) }
  } catch (error) {
    assert.match((error as Error).message, /that of a union is one of its first branch's/)
    return undefined
  }
}

test.run()

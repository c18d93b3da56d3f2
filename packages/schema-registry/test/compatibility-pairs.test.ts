import {
  type CompatibilityLevel,
  confluentRegistry,
  memoryRegistry,
  type SchemaRegistryClient,
} from '@busbar/schema-registry'
import {
  deadline,
  registryForTests,
  type SchemaPair,
  schemaHistories,
  schemaPairs,
  uniqueName,
} from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { avroSchema } from './support/schemas.js'

const test = suite('registries: verdicts on pairs of schemas')

const real = await registryForTests()
const registries: [string, SchemaRegistryClient][] = [['in memory', memoryRegistry()]]
if (real !== undefined) registries.push(['real', confluentRegistry({ url: real.url })])

const levels: readonly CompatibilityLevel[] = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
]

/** What a registry says of a schema by each level, once the versions are registered. */
async function verdicts(
  registry: SchemaRegistryClient,
  versions: readonly unknown[],
  newer: unknown,
): Promise<ReadonlyMap<string, boolean | 'error'>> {
  const subject = uniqueName('pair')
  for (const version of versions) await registry.register(subject, avroSchema(version))
  const said = new Map<string, boolean | 'error'>()
  for (const level of levels) {
    await registry.setCompatibility(level, subject)
    const verdict = registry.check(subject, avroSchema(newer))
    said.set(
      level,
      await verdict.then(
        ({ compatible }) => compatible,
        () => 'error' as const,
      ),
    )
  }
  return said
}

function expected(pair: SchemaPair, kind: string): readonly (boolean | 'error')[] {
  const [backward, forward] = (['backward', 'forward'] as const).map(direction => {
    const deviation = pair.deviations?.find(each => each.by === 'registry' && each.direction === direction)
    return kind === 'real' && deviation ? deviation.says : pair[direction]
  })
  const full = [backward, forward].includes('error') ? 'error' : backward === true && forward === true
  // With one version before, the transitive ones are no others.
  return [backward, backward, forward, forward, full, full] as (boolean | 'error')[]
}

for (const [kind, registry] of registries) {
  for (const pair of schemaPairs) {
    test(`${kind}: ${pair.name}`, async () => {
      const said = await deadline(20_000, pair.name, verdicts(registry, [pair.older], pair.newer))
      assert.equal([...said.values()], expected(pair, kind))
    })
  }

  for (const { name, versions, newer, allowedBy } of schemaHistories) {
    test(`${kind}: ${name}: allowed by ${allowedBy.join(', ')}`, async () => {
      const said = await deadline(20_000, name, verdicts(registry, versions, newer))
      assert.equal(levels.filter(level => said.get(level) === true).toSorted(), allowedBy.toSorted())
    })
  }
}

test.run()

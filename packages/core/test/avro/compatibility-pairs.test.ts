import { javaAvro, schemaHistories, schemaPairs } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkCompatibility, compatibilityModes } from '../../dist/avro/compatibility/compatibility.js'

const test = suite('checkCompatibility on pairs of schemas')
const java = await javaAvro()

test('there are at least 60 pairs', () => {
  assert.ok(new Set(schemaPairs.map(({ name }) => name)).size >= 60)
})

for (const { name, older, newer, backward, forward, deviations = [] } of schemaPairs) {
  const isCompatible = (mode: 'BACKWARD' | 'FORWARD' | 'FULL') =>
    checkCompatibility({ mode, schema: newer, against: [{ schema: older }] }).compatible

  test(`${name}: as the specification has it`, () => {
    assert.is(isCompatible('BACKWARD'), backward)
    assert.is(isCompatible('FORWARD'), forward)
    assert.is(isCompatible('FULL'), backward && forward)
  })

  if (java !== undefined) {
    test(`${name}: as Java has it`, async () => {
      for (const direction of ['backward', 'forward'] as const) {
        const [reader, writer] = direction === 'backward' ? [newer, older] : [older, newer]
        const verdict = await java.compatible({ reader, writer }).then(
          ({ compatible }) => compatible,
          () => 'error',
        )
        const deviation = deviations.find(each => each.by === 'java' && each.direction === direction)
        assert.is(verdict, deviation?.says ?? { backward, forward }[direction], direction)
      }
    })
  }
}

for (const { name, versions, newer, allowedBy } of schemaHistories) {
  test(`${name}: allowed by ${allowedBy.join(', ')}`, () => {
    const against = versions.map(schema => ({ schema }))
    const allowed = compatibilityModes.filter(
      mode => mode !== 'NONE' && checkCompatibility({ mode, schema: newer, against }).compatible,
    )
    assert.equal(allowed.toSorted(), allowedBy.toSorted())
  })
}

test.run()

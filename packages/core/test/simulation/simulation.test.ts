import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runSeed } from './run-seed.js'

const test = suite('the promises hold in a model program under faults')

// `pnpm simulate --seeds 1000` is the long run.
const seeds = 40

test(`over ${seeds} seeds`, async () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violations } = await runSeed(seed)
    assert.equal(violations, [], `seed ${seed}: again with pnpm simulate --from ${seed} --seeds 1`)
  }
})

test('two runs of one seed are the same, step by step', async () => {
  for (const seed of [11, 12, 13]) {
    const [one, again] = [await runSeed(seed), await runSeed(seed)]
    assert.is(again.trace, one.trace, `seed ${seed}`)
    assert.is(again.steps, one.steps)
    assert.ok(one.steps > 100)
  }
})

test('different seeds are different runs', async () => {
  const [one, other] = [await runSeed(21), await runSeed(22)]
  assert.is.not(other.trace, one.trace)
})

test.run()

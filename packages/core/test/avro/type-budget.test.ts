import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compile, header } from './support/compile.js'
import { generatedContracts } from './support/generated-contracts.js'

const test = suite('what types of Avro schemas cost the compiler')

/**
 * Type instantiations for 50 schemas of 30 fields, their handlers and publishes, beyond those for a file without schemas.
 * The count is the compiler's measure of its work, and the same on every machine.
 *
 * Measured with TypeScript 7.0.2: 530,000 in 0.5 s of check time (a file without schemas: 0.003 s) on two shared cores;
 * with TypeScript 5.9.3 about the same count in about 2 s.
 */
const budget = 600_000

/** Machines are shared: what is asserted of the time only catches what has gone out of hand. */
const boundMs = 20_000

test(`50 schemas of 30 fields: at most ${budget} instantiations`, async () => {
  const empty = figures((await compile(header, '--extendedDiagnostics')).output)
  const { ok, output } = await compile(generatedContracts(50), '--extendedDiagnostics')
  assert.ok(ok, output)
  const full = figures(output)
  const instantiations = full.instantiations - empty.instantiations
  const checkMs = full.checkMs - empty.checkMs
  console.log(`50 schemas of 30 fields: ${instantiations} instantiations, checked in ${checkMs} ms`)
  assert.ok(instantiations < budget, `${instantiations} instantiations`)
  assert.ok(instantiations > budget / 10, `only ${instantiations}: are the types still used?`)
  assert.ok(checkMs < boundMs, `${checkMs} ms`)
})

test('the types that cost this much are right', async () => {
  const wrong = generatedContracts(1)
    .replace('const times: [Date,', 'const times: [string,')
    .replace("state: 'OPEN',", "state: 'OPN',")
    .replace('.fee.currency', '.fee.currncy')
  const { output } = await compile(wrong)
  const reported = [...output.matchAll(/^source\.ts.* error (TS\d+)/gm)].map(([, code]) => code)
  assert.equal(reported.sort(), ['TS2322', 'TS2551', 'TS2820'], output)
})

function figures(output: string): { readonly instantiations: number; readonly checkMs: number } {
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(output)?.[1])
  const found = { instantiations: figure('Instantiations'), checkMs: Math.round(figure('Check time') * 1000) }
  assert.not(Number.isNaN(found.instantiations + found.checkMs), output)
  return found
}

test.run()

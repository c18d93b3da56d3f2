import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stateStoreCases } from '@busbar/core/conformance'
import { levelState } from '@busbar/state-level'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('levelState')
let folder = ''

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-state-'))
})
test.after(() => rm(folder, { recursive: true, force: true }))

for (const { name, run } of stateStoreCases) test(name, () => run({ provider: () => levelState({ folder }) }))

test('refuses to be without a folder', () => {
  for (const wrong of [undefined, {}, { folder: '' }, { folder: 7 }])
    assert.throws(() => levelState(wrong as never), /"folder" must be a path/)
})

test.run()
